/**
 * Make a failing schedule small before it is printed: operations first, then preemptions and NMIs.
 *
 * Steps about a death stay: without those that say so and reap, every death is a finding, and
 * another one. An operation less changes every number in the schedule, so after leaving one out the
 * scenario is searched again, within the same bounds and for a short time. Then each decision is
 * left out that the finding does not need.
 */
import { type ExploreFinding, type ExploreOptions, explore } from "./explore.js";
import type { Deviation } from "./policies/replay-policy.js";
import { rerun } from "./replay.js";
import { LETTERS, type Step } from "./scenarios/letters.js";
import type { Scenario, ScenarioTask } from "./scenarios/scenario.js";
import { makeStage } from "./scenarios/stage.js";

/** Schedules and time for one try to do without an operation. */
const TRY_SCHEDULES = 20_000;
const TRY_MS = 3000;

export interface Shrunk {
  readonly scenario: Scenario;
  readonly finding: ExploreFinding;
}

export async function shrink(
  scenario: Scenario,
  finding: ExploreFinding,
  options: ExploreOptions,
): Promise<Shrunk> {
  let best: Shrunk = { scenario, finding };
  for (let again = true; again; ) {
    again = false;
    for (const smaller of withoutOne(best.scenario)) {
      const found = await search(smaller, best.finding.kind, options);
      if (found === null) continue;
      best = { scenario: smaller, finding: found };
      again = true;
      break;
    }
  }
  return { ...best, finding: await fewerDecisions(best) };
}

async function search(
  scenario: Scenario,
  kind: string,
  options: ExploreOptions,
): Promise<ExploreFinding | null> {
  try {
    const stage = await makeStage(scenario);
    const limits = { schedules: TRY_SCHEDULES, durationMs: TRY_MS };
    const { finding } = await explore(stage, { ...options, ...limits });
    return finding?.kind === kind ? finding : null;
  } catch (error) {
    // A smaller setup may not be possible.
    if (error instanceof WebAssembly.RuntimeError) return null;
    throw error;
  }
}

/** Every scenario that has one operation less. */
function* withoutOne(scenario: Scenario): Generator<Scenario> {
  for (const tasks of lessOf(scenario.tasks)) yield { ...scenario, tasks };
  for (let at = scenario.handler.length - 1; at >= 0; at--) {
    yield { ...scenario, handler: less(scenario.handler, at) };
  }
  for (const setup of lessOf(scenario.setup)) yield { ...scenario, setup };
}

const less = (steps: readonly Step[], at: number) => steps.filter((_, index) => index !== at);

/** Programs of which one has an operation less. */
function* lessOf(programs: readonly ScenarioTask[]): Generator<ScenarioTask[]> {
  for (const [which, { program }] of programs.entries()) {
    for (let at = program.length - 1; at >= 0; at--) {
      if (LETTERS[program[at]?.letter ?? ""]?.reaps === true) continue;
      yield programs.map((each, index) =>
        index === which ? { ...each, program: less(program, at) } : each,
      );
    }
  }
}

/** Leave out each decision that is not needed for the same kind of finding. */
async function fewerDecisions({ scenario, finding }: Shrunk): Promise<ExploreFinding> {
  const stage = await makeStage(scenario);
  let best = finding;
  for (let at = best.deviations.length - 1; at >= 0; at--) {
    const fewer: Deviation[] = best.deviations.filter((_, index) => index !== at);
    const { finding: found } = rerun(stage, fewer);
    if (found === null || found.kind !== finding.kind) continue;
    best = found;
    at = Math.min(at, best.deviations.length);
  }
  return best;
}
