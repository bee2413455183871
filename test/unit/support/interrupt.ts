/** Ctrl-C for a command of ours that a test has started. */
import type { ChildProcess } from "node:child_process";

/**
 * Send SIGINT some time after the process has written its first line to standard error: from then
 * on it listens. A fixed time after its start would be before that on a busy machine.
 *
 * @param laterMs how long it works on before
 */
export function interruptOnceItSpeaks(child: ChildProcess, laterMs: number): void {
  child.stderr?.once("data", () => setTimeout(() => child.kill("SIGINT"), laterMs));
}

/**
 * Run a command that says nothing before its end, with Ctrl-C later and later until it came when
 * there was something to interrupt.
 *
 * @param run starts the command, interrupts it after `waitMs` and tells how it ended
 * @param isEnough by default: it ended by itself, so it had begun to listen
 */
export async function interruptInTime<Outcome extends { readonly status: number | null }>(
  run: (waitMs: number) => Promise<Outcome>,
  isEnough: (outcome: Outcome) => boolean = ({ status }) => status !== null,
): Promise<Outcome> {
  for (let waitMs = 1000; ; waitMs *= 2) {
    const outcome = await run(waitMs);
    if (isEnough(outcome)) return outcome;
  }
}
