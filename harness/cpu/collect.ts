/**
 * Collecting a run: the answers of all its CPUs, or what went wrong first.
 *
 * When one fails the others are released from their start lines and asked to stop. Those that come
 * back within a moment leave the pool usable; the run does not wait for the rest.
 */
import { JobError } from "./job-error.js";
import { START_LINE_ERROR, type StartLine } from "./start-line.js";

export interface RunState {
  readonly line: StartLine;
  /** The job in a few words, for messages. */
  readonly what: string;
  /** Milliseconds until the run fails by itself, or null. */
  readonly timeoutMs: number | null;
}

/** Milliseconds that the other CPUs have to come back after one failed. */
const FAILURE_GRACE_MS = 2000;

/**
 * Wait for every answer.
 *
 * @returns the answers in order
 * @throws JobError the failure that came first; those that follow from it are not reported
 */
export async function collect(
  answers: readonly Promise<unknown>[],
  { line, what, timeoutMs }: RunState,
): Promise<unknown[]> {
  const done = Promise.all(answers);
  const settled = Promise.allSettled(answers);
  const timer = new Timer();
  try {
    if (timeoutMs === null) return await done;
    const late = timer.after(timeoutMs).then(async () => {
      throw await makeTimeoutError(answers, what, timeoutMs);
    });
    return await Promise.race([done, late]);
  } catch (error) {
    line.abort();
    const all = await Promise.race([settled, timer.after(FAILURE_GRACE_MS)]);
    throw pickCause(error, all ?? []);
  } finally {
    timer.clear();
  }
}

/**
 * A CPU that is released from a start line because another one left it may be heard of before
 * that other one: what is reported is the cause, if it is known by now.
 */
function pickCause(error: unknown, all: readonly PromiseSettledResult<unknown>[]): unknown {
  const isEffect = (each: unknown) => each instanceof JobError && each.thrown === START_LINE_ERROR;
  if (!isEffect(error)) return error;
  const failures = all.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
  return failures.find((each) => !isEffect(each)) ?? error;
}

/** Says which CPUs are late. */
async function makeTimeoutError(
  answers: readonly Promise<unknown>[],
  what: string,
  timeoutMs: number,
): Promise<JobError> {
  const late = new Set(answers.keys());
  for (const [index, answer] of answers.entries()) {
    const cross = () => void late.delete(index);
    answer.then(cross, cross);
  }
  // Answers that are here already cross themselves out before this goes on.
  await new Promise((resolve) => setTimeout(resolve));
  const who = [...late].join(", ");
  return new JobError(
    [...late][0] ?? null,
    `${what}: expected an end within ${timeoutMs} ms, got none from the CPUs at index ${who} ` +
      "of the run; they are stuck, or the limit is too short",
  );
}

/** Timers that end with the run. */
class Timer {
  readonly #handles: ReturnType<typeof setTimeout>[] = [];

  after(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#handles.push(setTimeout(resolve, delayMs));
    });
  }

  clear(): void {
    for (const handle of this.#handles) clearTimeout(handle);
  }
}
