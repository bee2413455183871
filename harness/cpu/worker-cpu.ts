/**
 * One Worker as its pool sees it: commands go out, each comes back as a promise, and all of them
 * settle whatever becomes of the Worker.
 */
import { spawnThread } from "#platform";
import { JobError, jobThrew } from "./job-error.js";
import type { Thread, ThreadOptions } from "./platform.js";
import type { Command, Reply } from "./protocol.js";

type WithoutTicket<C> = C extends Command ? Omit<C, "ticket"> : never;

/** A command without its ticket, which is given out here. */
export type Order = WithoutTicket<Command>;

interface Pending {
  /** What was ordered, for messages. */
  readonly what: string;
  resolve(value: unknown): void;
  reject(error: JobError): void;
}

export class WorkerCpu {
  /** The Worker's place in its pool. */
  readonly number: number;
  readonly #thread: Thread;
  readonly #pending = new Map<number, Pending>();
  #tickets = 0;
  #death: string | null = null;

  constructor(number: number, options: ThreadOptions) {
    this.number = number;
    this.#thread = spawnThread(options, {
      onReply: (reply) => this.#settle(reply),
      onDeath: (reason) => this.#die(reason),
    });
  }

  /** How the Worker ended, or null while it lives. */
  get death(): string | null {
    return this.#death;
  }

  /** What it has not answered yet, in a few words, or null. */
  get task(): string | null {
    const [first] = this.#pending.values();
    return first?.what ?? null;
  }

  /**
   * Give an order.
   *
   * @param what the order in a few words: `job stress`
   * @returns the Worker's answer; rejects with a JobError if it throws, ends or is ended first
   */
  order(order: Order, what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#death !== null) {
        reject(this.#deathOf(what));
        return;
      }
      const ticket = this.#tickets++;
      this.#pending.set(ticket, { what, resolve, reject });
      this.#thread.hold(true);
      try {
        this.#thread.post({ ...order, ticket } as Command);
      } catch (error) {
        // What was to be sent cannot be cloned: the Worker never hears of it.
        this.#pending.delete(ticket);
        this.#release();
        const reason = error instanceof Error ? error.message : String(error);
        reject(
          new JobError(this.number, `${what}: expected arguments that can be cloned: ${reason}`),
        );
      }
    });
  }

  /** End the Worker wherever it is; orders that wait for it reject with `reason`. */
  async terminate(reason: string): Promise<void> {
    this.#die(reason);
    await this.#thread.terminate();
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.ticket);
    if (pending === undefined) return;
    this.#pending.delete(reply.ticket);
    this.#release();
    if (reply.type === "done") pending.resolve(reply.value);
    else pending.reject(jobThrew(this.number, pending.what, reply.thrown));
  }

  #die(reason: string): void {
    if (this.#death !== null) return;
    this.#death = reason;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#release();
    for (const { what, reject } of pending) reject(this.#deathOf(what));
  }

  #deathOf(what: string): JobError {
    const message = `CPU ${this.number}, ${what}: its Worker ended ${this.#death}`;
    return new JobError(this.number, message);
  }

  /** An idle Worker does not keep the process alive. */
  #release(): void {
    if (this.#pending.size === 0) this.#thread.hold(false);
  }
}
