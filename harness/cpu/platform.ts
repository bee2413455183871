/**
 * What differs between Workers of Node and those of browsers, and nothing else.
 *
 * `#platform` (package.json, "imports") is spawn-node.js or spawn-browser.js; both offer
 * `spawnThread()` to the pool and `openPort()` to the Worker's side.
 */
import type { Command, Reply } from "./protocol.js";

export interface ThreadOptions {
  /** Shown by debuggers and in messages. */
  readonly name: string;
  /**
   * Node only: what the Worker's own JavaScript heap may hold, in MiB; a Worker above it dies.
   * @default the runtime's
   */
  readonly maxOldSpaceMib?: number;
}

/** What happens on a Worker, as the thread that started it sees it. */
export interface ThreadEvents {
  onReply(reply: Reply): void;
  /** The Worker is gone; `reason` says how, as the end of a sentence. Called at most once. */
  onDeath(reason: string): void;
}

/** A running Worker. */
export interface Thread {
  post(command: Command): void;
  /** End it wherever it is. Resolves when it is gone; onDeath() may or may not be called. */
  terminate(): Promise<void>;
  /** Whether it keeps the process alive. */
  hold(isHeld: boolean): void;
}

/** The Worker's own end. */
export interface Port {
  onCommand(handle: (command: Command) => void): void;
  reply(reply: Reply): void;
  /** End this Worker after its last reply. */
  end(): void;
}
