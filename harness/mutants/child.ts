/**
 * A process that takes orders, and can be ended in the middle of one with all that it started.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Order } from "./child-protocol.js";

/** It did not answer in time and was ended, or it died in the middle of an order. */
export class NoAnswerError extends Error {}

const MAIN = fileURLToPath(new URL("./process-main.js", import.meta.url));
/** Every process that runs, so that none outlives this one. */
const running = new Set<Child>();

export class Child {
  readonly #process: ChildProcess;

  /** @param root where it runs */
  constructor(root: string) {
    this.#process = fork(MAIN, [], {
      cwd: root,
      // A group of its own: what it starts is ended with it, and Ctrl-C does not reach it.
      detached: true,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    if (running.size === 0) process.on("exit", endAll);
    running.add(this);
    this.#process.on("error", () => {});
  }

  /**
   * @throws NoAnswerError after `timeoutMs` or if the process died, Error if it ended, the signal's
   *   reason if it was aborted; then the process is gone
   */
  ask(order: Order, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
    const child = this.#process;
    return new Promise((done, fail) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const giveUp = (reason: unknown): void => {
        this.end();
        settle(() => fail(reason));
      };
      const onMessage = (answer: unknown) => settle(() => done(answer as Answer));
      const onExit = (code: number | null, by: string | null) => {
        // By a signal: the engine gave up. With a status: it could not even run.
        const died = new NoAnswerError(`the process died of ${by}`);
        const ended = new Error(`expected an answer, got the end of the process with ${code}`);
        settle(() => fail(code === null ? died : ended));
      };
      const onAbort = () => giveUp(signal?.reason);
      const late = () => giveUp(new NoAnswerError(`no end: no answer after ${timeoutMs / 1000} s`));
      const timer = setTimeout(late, timeoutMs);
      child.on("message", onMessage);
      child.on("exit", onExit);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      else child.send(order);
    });
  }

  /** End it, and everything that it started. */
  end(): void {
    if (running.delete(this) && running.size === 0) process.off("exit", endAll);
    const { pid } = this.#process;
    if (pid === undefined || this.#process.exitCode !== null) return;
    try {
      if (process.platform === "win32") this.#process.kill("SIGKILL");
      else process.kill(-pid, "SIGKILL");
    } catch {
      // It ended by itself in between.
    }
  }
}

function endAll(): void {
  for (const child of running) child.end();
}
