/**
 * The terminal while slabtop is live: the alternate screen, keys without Enter, and everything as
 * it was when it ends, whatever ends it.
 */
import type { ReadStream, WriteStream } from "node:tty";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const CTRL_C = "\u0003";

export interface Screen {
  /** Show these lines from the top; what does not fit is cut. */
  show(lines: readonly string[]): void;
  /** Give the terminal back. May be called twice. */
  restore(): void;
}

export interface Terminal {
  readonly output: Pick<WriteStream, "write" | "rows" | "columns">;
  readonly input: Pick<ReadStream, "isTTY" | "setRawMode" | "resume" | "pause" | "on" | "off">;
  /** Gets each key; Ctrl-C, which raw mode takes from the terminal, goes to `interrupt`. */
  readonly onKey: (key: string) => void;
  readonly interrupt: () => void;
}

/** Take the terminal. */
export function openScreen({ output, input, onKey, interrupt }: Terminal): Screen {
  const hear = (data: Buffer | string) => {
    for (const key of data.toString()) key === CTRL_C ? interrupt() : onKey(key);
  };
  let isOpen = true;
  const restore = () => {
    if (!isOpen) return;
    isOpen = false;
    process.off("exit", restore);
    if (input.isTTY) input.setRawMode(false);
    input.off("data", hear);
    input.pause();
    output.write(LEAVE);
  };
  // An error or a second Ctrl-C ends the process without coming by.
  process.on("exit", restore);
  output.write(ENTER);
  if (input.isTTY) {
    input.setRawMode(true);
    input.resume();
    input.on("data", hear);
  }
  return {
    show(lines) {
      // A terminal that does not know its size says 0.
      const [rows, columns] = [output.rows || 24, output.columns || 80];
      const fit = lines.slice(0, rows).map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`);
      output.write(`${HOME}${fit.join("\r\n")}${CLEAR_BELOW}`);
    },
    restore,
  };
}
