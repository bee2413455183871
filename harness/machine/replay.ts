/** Run one schedule again, and look at everything in it. */
import { DEFAULT_BOUNDS } from "./core/bounds.js";
import { loadMachineModule } from "./core/module.js";
import { DEPTH_MAX } from "./core/fibre.js";
import { type ExploreFinding, describe } from "./explore.js";
import { type Deviation, Replay } from "./policies/replay-policy.js";
import { type Schedule, ScheduleError, refuseOtherBuild } from "./schedule.js";
import { type Stage, stageOf } from "./scenarios/stage.js";
import { nameAddress } from "./timeline/address-name.js";
import { type Event, Recorder } from "./timeline/recorder.js";

/** Everything is allowed that a schedule may say. */
const ANY = {
  ...DEFAULT_BOUNDS,
  handlers: Number.POSITIVE_INFINITY,
  handlerDepth: DEPTH_MAX,
  migrations: Number.POSITIVE_INFINITY,
  movesAnywhere: true,
  deaths: Number.POSITIVE_INFINITY,
  steps: 1_000_000,
};

export interface Replayed {
  readonly stage: Stage;
  readonly finding: ExploreFinding | null;
  readonly events: readonly Event[];
  readonly steps: number;
}

/** @throws ScheduleError if it is of another build, or says what cannot be */
export async function replay(schedule: Schedule): Promise<Replayed> {
  const module = await loadMachineModule(schedule.scenario.build);
  refuseOtherBuild(schedule, module.table.build);
  const stage = stageOf(schedule.scenario, module);
  const recorder = new Recorder(stage.machine, (address) => nameAddress(stage.view, address));
  stage.machine.watchers = [recorder, ...stage.machine.watchers];
  const { finding, missed } = rerun(stage, schedule.deviations);
  if (missed > 0) {
    throw new ScheduleError(
      `expected every decision of the schedule to be possible, got ${missed} that are not; ` +
        "try to explore the scenario again: it is no schedule of this build",
    );
  }
  return { stage, finding, events: recorder.events, steps: stage.machine.steps };
}

/** Run a schedule on a stage, and undo it. */
export function rerun(
  stage: Stage,
  deviations: readonly Deviation[],
): { readonly finding: ExploreFinding | null; readonly missed: number } {
  const { machine, tasks, quiescence, scenario } = stage;
  const policy = new Replay(deviations);
  const timeouts = scenario.flags.has("timeouts");
  machine.run(tasks, policy, { ...ANY, spinsEnd: scenario.sleepy, timeouts });
  for (const watcher of machine.watchers) if (watcher instanceof Recorder) watcher.settle();
  if (machine.found === null) quiescence.judge();
  const finding = machine.found === null ? null : describe(stage, machine.found);
  machine.restore();
  return { finding, missed: policy.missed };
}
