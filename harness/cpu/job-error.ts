/** The error a pool rejects with: which CPU, and what happened there. */
import type { ThrownText } from "./protocol.js";

/** A job threw, or the Worker it ran on is gone. */
export class JobError extends Error {
  override readonly name = "JobError";
  /** Number of the Worker in its pool, or null if no single one is to blame. */
  readonly cpu: number | null;
  /** `name` of what was thrown; null if nothing was: the Worker ended, or the pool was closed. */
  readonly thrown: string | null;

  constructor(cpu: number | null, message: string, thrown: ThrownText | null = null) {
    super(message);
    this.cpu = cpu;
    this.thrown = thrown?.name ?? null;
    // The stack that helps is the job's; the pool's own would say where a message arrived.
    if (thrown !== null && thrown.stack !== "") this.stack = `${message}\n${framesOf(thrown)}`;
  }
}

/** What `cpu` threw, as the error its run rejects with. */
export function jobThrew(cpu: number, what: string, thrown: ThrownText): JobError {
  return new JobError(cpu, `CPU ${cpu}, ${what}: ${thrown.name}: ${thrown.message}`, thrown);
}

/** V8 repeats name and message above the frames; other engines do not. */
function framesOf({ stack, message }: ThrownText): string {
  const at = message === "" ? -1 : stack.indexOf(message);
  return at < 0 ? stack : stack.slice(at + message.length).replace(/^\n/, "");
}
