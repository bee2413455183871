/**
 * `slablab slabtop`: the caches of a heap while a load runs on it, as procps' slabtop shows them.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { SlabtopKey } from "../../report/slabtop/slabtop-text.js";
import { SLABTOP_KEYS } from "../../report/slabtop/slabtop-text.js";
import { EXIT, type ExitStatus, runInterruptible } from "../common/exit.js";
import type { LookedAt } from "../common/heap-source.js";
import {
  type SourceOptions,
  loadOption,
  loadOpsOption,
  readSnapshotOption,
} from "../common/heap-source-options.js";
import { percpuOption, seedOption } from "../common/common-options.js";
import { printResult } from "../common/result.js";

interface SlabtopOptions extends SourceOptions {
  /** Milliseconds. */
  readonly delay: number;
  readonly sort: SlabtopKey;
  readonly once: boolean;
}

const DEFAULT_DELAY_S = 3;
const DELAY_MAX_S = 86_400;
/** The load runs in slices, so that keys are heard at once. */
const SLICE_MS = 50;
const SLICE_OPERATIONS = 2000;

export function register(program: Command): void {
  program
    .command("slabtop")
    .description("the caches of a heap, live, as slabtop shows them")
    .addOption(delayOption())
    .addOption(sortOption())
    .option("-o, --once", "show one screen and end", false)
    .addOption(loadOption())
    .addOption(loadOpsOption())
    .addOption(readSnapshotOption())
    .addOption(percpuOption("sheaf").conflicts("snapshot"))
    .addOption(seedOption())
    .addHelpText("after", HELP)
    .action(async (options: SlabtopOptions) => {
      process.exitCode = await slabtop(options);
    });
}

const HELP = `
Sort keys, also while it runs: a active objects, b objects per slab, c cache size, l slabs,
v active slabs, n name, o objects, p pages per slab, s object size, u use. Space looks at once,
q ends. Without a terminal: one screen.

Example:
  slablab slabtop -d 1 -s c`;

function delayOption(): Option {
  return new Option("-d, --delay <seconds>", "time between two looks")
    .argParser((text) => {
      const seconds = Number(text);
      if (/^(\d+(\.\d+)?|\.\d+)$/.test(text) && seconds > 0 && seconds <= DELAY_MAX_S) {
        return seconds * 1000;
      }
      throw new InvalidArgumentError(
        `expected seconds above 0 and up to ${DELAY_MAX_S}, got "${text}"; try 3 or 0.5`,
      );
    })
    .default(DEFAULT_DELAY_S * 1000, `${DEFAULT_DELAY_S}`);
}

function sortOption(): Option {
  return new Option("-s, --sort <key>", "what to sort by").choices(SLABTOP_KEYS).default("o");
}

async function slabtop(options: SlabtopOptions): Promise<ExitStatus> {
  const { openSource } = await import("../common/heap-source.js");
  const source = await openSource(options);
  const isLive = !options.once && process.stdout.isTTY && process.stdin.isTTY;
  if (isLive) return live(source, options);
  const lines = await screenLines(source, options.sort);
  printResult(`${lines.join("\n")}\n`);
  return EXIT.fine;
}

async function screenLines({ view }: LookedAt, key: SlabtopKey): Promise<string[]> {
  const { readSlabinfo } = await import("../../heap/slabinfo.js");
  const { slabtopLines } = await import("../../report/slabtop/slabtop-text.js");
  return slabtopLines(readSlabinfo(view), key);
}

async function live(source: LookedAt, options: SlabtopOptions): Promise<ExitStatus> {
  const { openScreen } = await import("./slabtop-screen.js");
  let key = options.sort;
  let isOver = false;
  let due = 0;
  const onKey = (pressed: string) => {
    const letter = pressed.toLowerCase();
    if (letter === "q") isOver = true;
    const chosen = SLABTOP_KEYS.find((each) => each === letter);
    if (chosen !== undefined) key = chosen;
    if (chosen !== undefined || letter === " ") due = 0;
  };
  const interrupt = () => process.kill(process.pid, "SIGINT");
  const { stdin: input, stdout: output } = process;
  const screen = openScreen({ output, input, onKey, interrupt });
  try {
    return await runInterruptible(async (signal) => {
      while (!isOver && !signal.aborted) {
        const now = performance.now();
        if (now >= due) {
          screen.show(await screenLines(source, key));
          due = now + options.delay;
        }
        // A load that is not wanted stays as it is: idle, and snapshots.
        if (options.load !== "idle") source.load?.run(SLICE_OPERATIONS);
        await new Promise((done) => setTimeout(done, Math.min(SLICE_MS, options.delay)));
      }
      return EXIT.fine;
    });
  } finally {
    screen.restore();
  }
}
