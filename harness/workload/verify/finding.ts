/** What a fuzz or a stress can find. */
import type { Finding } from "../../heap/validate/invariants.js";

export const FINDING_KINDS = [
  "overlap",
  "stamp",
  "owner",
  "constructed",
  "not-zero",
  "misplaced",
  "trap",
  "no-end",
  "validate",
  "leak",
  "counters",
  "context",
  "charges",
  "lockdep",
  "report",
  "refused",
  "worker",
] as const;
/**
 * overlap      an allocation gave bytes that somebody has
 * stamp        an object does not hold what its owner wrote
 * owner        the shadow says that an object belongs to somebody else
 * constructed  a constructed object came out otherwise than it was put in
 * not-zero     __GFP_ZERO memory was not zero
 * misplaced    an address that is no object's: unaligned, or outside the memory
 * trap         the wasm trapped
 * no-end       one operation passed more trace points than any can
 * validate     heap.validate() found a broken law
 * leak         slabs were left after everything was freed
 * counters     the allocator's counters do not add up
 * context      a call left the CPU in another context than it found it in
 * charges      a memory control group is not charged what lives
 * lockdep      a lock was taken against the order, twice, or waited for where nobody may
 * report       slab_debug found damage
 * refused      a checked free refused an object that its owner holds
 * worker       a Worker failed or hung
 */
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface FoundFinding {
  readonly kind: FindingKind;
  /** What was expected and what was found. */
  readonly message: string;
  /** Operations that this CPU had begun. */
  readonly operation: number;
}

/** Thrown to leave a run once its finding is known. */
export class FindingError extends Error {
  override readonly name = "FindingError";
  readonly finding: FoundFinding;

  constructor(finding: FoundFinding) {
    super(`${finding.kind} after ${finding.operation} operations: ${finding.message}`);
    this.finding = finding;
  }
}

/** Findings of validate() that a message shows. */
const SHOWN = 3;

/** What validate() found, as one message; null: nothing. */
export function describeFindings(findings: readonly Finding[]): string | null {
  if (findings.length === 0) return null;
  const shown = findings
    .slice(0, SHOWN)
    .map(({ invariant, where, message }) => `${invariant} at ${where}: ${message}`);
  const more = findings.length > SHOWN ? ` and ${findings.length - SHOWN} more` : "";
  return `${shown.join("; ")}${more}`;
}
