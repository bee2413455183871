/**
 * `slablab doctor`: what this machine and runtime can do, and what to do about what they cannot.
 *
 * Needs nothing built or allocated, so that it answers where everything else fails.
 */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { type Environment, readEnvironment } from "../../measure/common/environment.js";
import { createReport, serializeReport } from "../../report/common/json.js";
import { renderTable } from "../../report/common/table.js";
import { EXIT, type ExitStatus } from "../common/exit.js";
import { DEFAULT_SEED, jsonOption } from "../common/common-options.js";
import { printResult } from "../common/result.js";
import { type Checkup, requirements } from "./requirements.js";

export function register(program: Command): void {
  program
    .command("doctor")
    .description("say what this machine and runtime can do")
    .addOption(jsonOption())
    .action((options: { json: boolean }) => {
      process.exitCode = doctor(options.json);
    });
}

function doctor(isJson: boolean): ExitStatus {
  const environment = readEnvironment();
  const checkups = [...requirements(), ...conditions(environment)];
  if (isJson) {
    const parts = { command: "doctor", environment, seed: DEFAULT_SEED } as const;
    const report = createReport({ ...parts, parameters: {}, results: { checkups } });
    printResult(serializeReport(report));
  } else {
    const head = ["check", "", "found", "advice"];
    const rows = checkups.map(({ name, verdict, found, advice }) => [name, verdict, found, advice]);
    printResult(`${renderTable({ head, rows })}\n`);
  }
  const isAble = checkups.every(({ verdict }) => verdict !== "fails");
  return isAble ? EXIT.fine : EXIT.environment;
}

/** What makes measurements worse without making them wrong. */
function conditions(environment: Environment): Checkup[] {
  const { cpu, loadAverage, timerResolutionNs } = environment;
  const cores = availableParallelism();
  return [
    {
      name: "cores",
      verdict: cores >= 2 ? "ok" : "warns",
      found: `${cores} x ${cpu.model ?? "unknown"}`,
      advice: cores >= 2 ? "" : "two CPUs cannot run at once: contention is not measurable here",
    },
    {
      name: "load",
      verdict: loadAverage === null || loadAverage < cores / 2 ? "ok" : "warns",
      found: loadAverage === null ? "unknown" : loadAverage.toFixed(2),
      advice:
        loadAverage === null || loadAverage < cores / 2 ? "" : "others use the cores: stop them",
    },
    {
      name: "timer",
      verdict: timerResolutionNs <= TIMER_WARN_NS ? "ok" : "warns",
      found: `steps of ${Math.round(timerResolutionNs)} ns`,
      advice: timerResolutionNs <= TIMER_WARN_NS ? "" : "measure longer: raise --duration",
    },
    wasmWait(environment),
  ];
}

/**
 * Whether the baseline compiler loses a local across memory.atomic.wait32. Slablab's modules are
 * made so that it does not matter; others on the same memory may not be.
 */
export function wasmWait({ runtime: { name, version, v8, flags } }: Environment): Checkup {
  const isOther = name !== "Node" || v8?.startsWith(V8_OF_NODE_20) !== true;
  if (isOther || flags.some((flag) => flag.replaceAll("_", "-") === "--no-liftoff")) {
    return { name: "wasm wait", verdict: "ok", found: "keeps locals", advice: "" };
  }
  return {
    name: "wasm wait",
    verdict: "warns",
    found: `${name} ${version} loses a local across memory.atomic.wait32`,
    advice:
      "Slablab is made for it; for other modules that wait on the same memory use Node 22 or " +
      "newer, --no-liftoff, or a function of its own for the wait that is not inlined",
  };
}

const V8_OF_NODE_20 = "11.3.";

const TIMER_WARN_NS = 10_000;
