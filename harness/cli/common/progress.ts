/**
 * Progress bars on standard error, so that standard output stays the result alone.
 *
 * Off without a terminal, with `--quiet` and with `--json`: the same calls then do nothing, and a
 * command need not ask.
 */
import { MultiBar, Presets } from "cli-progress";

export interface ProgressBar {
  /** Shows that `value` of the bar's total is done; `note` says what is running. */
  update(value: number, note?: string): void;
}

export interface Progress {
  /** Adds a bar that is full at `total`. */
  bar(label: string, total: number): ProgressBar;
  /** Writes lines to standard error, above the bars if there are any. */
  log(text: string): void;
  /** Removes all bars. Must be called before a result is written. */
  stop(): void;
}

export interface ProgressOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly stream?: NodeJS.WriteStream;
}

/** Creates the progress display of one command. */
export function createProgress(options: ProgressOptions = {}): Progress {
  const { quiet = false, json = false, stream = process.stderr } = options;
  if (quiet || json || !stream.isTTY) return noBars(stream);
  const bars = new MultiBar(
    {
      stream,
      format: " {label} {bar} {percentage}% {note}",
      clearOnComplete: true,
      hideCursor: true,
      // Ctrl-C belongs to the command, which still has a partial result to write.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  return {
    bar(label, total) {
      const bar = bars.create(total, 0, { label, note: "" });
      return { update: (value, note = "") => bar.update(value, { note }) };
    },
    log: (text) => bars.log(`${text}\n`),
    stop: () => bars.stop(),
  };
}

function noBars(stream: NodeJS.WriteStream): Progress {
  return {
    bar: () => ({ update() {} }),
    log: (text) => void stream.write(`${text}\n`),
    stop() {},
  };
}
