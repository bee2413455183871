/**
 * How a command ends: the five exit statuses, the errors that stand for them, and Ctrl-C.
 *
 * A command throws one of these errors or returns a status; nothing but the second Ctrl-C calls
 * `process.exit`, so that everything written is flushed.
 */

export const EXIT = {
  /** Everything is fine. */
  fine: 0,
  /** A finding: a bug, a leak, a regression. An unexpected error of ours is one, too. */
  finding: 1,
  /** The command line is wrong. */
  usage: 2,
  /** This machine or runtime cannot do it. */
  environment: 3,
  /** Ctrl-C; what was measured so far has been written. */
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** An end that its message explains alone: no stack trace is shown. */
export class CliError extends Error {
  readonly status: ExitStatus;

  constructor(message: string, status: ExitStatus) {
    super(message);
    this.name = new.target.name;
    this.status = status;
  }
}

/** The command line is wrong; the message says expected, got and what to try. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, EXIT.usage);
  }
}

/** This machine or runtime lacks something; the message says what and where to get it. */
export class EnvironmentError extends CliError {
  constructor(message: string) {
    super(message, EXIT.environment);
  }
}

/** Longer than any command waits; only its existence matters (see `runInterruptible`). */
const KEEP_ALIVE_MS = 60_000;

/**
 * Runs the body of a command so that Ctrl-C lets it write what it has.
 *
 * The first SIGINT or SIGTERM aborts `signal`: the body stops at its next safe point, writes its
 * partial result and returns, and the status becomes `EXIT.interrupted`. A second one ends the
 * process at once. The timer keeps the process alive while the body waits on `Atomics.waitAsync`
 * alone, which does not: Node would exit with 0 in the middle of the work.
 */
export async function runInterruptible(
  body: (signal: AbortSignal) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    console.error("interrupted: writing what was measured so far (again: stop at once)");
    controller.abort();
  };
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    const status = await body(controller.signal);
    return controller.signal.aborted ? EXIT.interrupted : status;
  } catch (error) {
    // An aborted body may also end by throwing its signal's reason.
    if (controller.signal.aborted && error === controller.signal.reason) return EXIT.interrupted;
    throw error;
  } finally {
    clearInterval(keepAlive);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
