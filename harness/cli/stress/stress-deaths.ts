/** `slablab stress --kill`: Workers are terminated at random, reaped, and replaced. */
import type { StressSetup } from "../../workload/stress/stress-setup.js";
import { EXIT, type ExitStatus } from "../common/exit.js";
import { createProgress } from "../common/progress.js";
import { printResult } from "../common/result.js";

/** What the command line says. */
export interface KillOptions {
  readonly cpus: number;
  readonly duration: number;
  readonly seed: number;
  readonly arm: string;
  readonly percpu: string;
  readonly build: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

const PROGRESS_STEPS = 1000;

export async function stressKill(
  options: KillOptions,
  setups: readonly StressSetup[],
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { runDeaths } = await import("../../workload/deaths/deaths-run.js");
  const { seed, duration: durationMs } = options;
  const progress = createProgress(options);
  const bar = progress.bar("kill", PROGRESS_STEPS);
  const onProgress = (share: number, { arm }: StressSetup) =>
    bar.update(Math.round(share * PROGRESS_STEPS), arm);
  try {
    const results = await runDeaths({ setups, seed, durationMs, signal, onProgress });
    progress.stop();
    await print(options, results);
    return results.rows.some(({ finding }) => finding !== null) ? EXIT.finding : EXIT.fine;
  } finally {
    progress.stop();
  }
}

async function print(
  options: KillOptions,
  results: Awaited<ReturnType<typeof import("../../workload/deaths/deaths-run.js").runDeaths>>,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const environment = readEnvironment();
  const { cpus, arm, percpu, build, seed, duration: durationMs } = options;
  if (!options.json) {
    const { deathsText } = await import("../../report/stress/deaths-text.js");
    printResult(deathsText(results, describeEnvironment(environment, seed)));
    return;
  }
  const { createReport, serializeReport } = await import("../../report/common/json.js");
  const { deathsResults } = await import("../../report/stress/deaths-schema.js");
  const parameters = { cpus, arm, percpu, build, durationMs };
  const parts = { command: "stress-kill", environment, seed, parameters } as const;
  printResult(serializeReport(createReport({ ...parts, results: deathsResults(results) })));
}
