/** What a fuzz did and saw, in numbers that can be posted and added. */

/** log2 buckets of lengths: bucket b counts lists of 2^b .. 2^(b+1)-1 objects. */
export const LENGTH_BUCKETS = 16;

export interface Tally {
  operations: number;
  /** Trace points that were passed. */
  events: number;
  /** Re-entries of the allocator, by depth: 1, 2, 3. */
  reentries: [number, number, number];
  /** Re-entries that were flagged as NMI; the others came as a kprobe comes. */
  reentriesAsNmi: number;
  nolockOk: number;
  nolockNull: number;
  /** Ordinary allocations that returned 0. */
  ordinaryNull: number;
  /** kmalloc_nolock() that found its bucket's lock held, and the next one's. */
  busyFirst: number;
  busySecond: number;
  /** Objects that waited, and slabs. */
  deferred: number;
  deferredSlabs: number;
  /** Objects that lists held when they were taken, waiting once more included. */
  drained: number;
  /** Lists that were taken. */
  drains: number;
  /** The longest of them, as the load ran and at the very end. */
  longest: number;
  longestAtEnd: number;
  lengths: number[];
  slabsAllocated: number;
  contentions: number;
  objectsChecked: number;
  validations: number;
  /** Objects that went from one CPU to another. */
  handedOver: number;
}

export function makeTally(): Tally {
  return {
    operations: 0,
    events: 0,
    reentries: [0, 0, 0],
    reentriesAsNmi: 0,
    nolockOk: 0,
    nolockNull: 0,
    ordinaryNull: 0,
    busyFirst: 0,
    busySecond: 0,
    deferred: 0,
    deferredSlabs: 0,
    drained: 0,
    drains: 0,
    longest: 0,
    longestAtEnd: 0,
    lengths: Array.from({ length: LENGTH_BUCKETS }, () => 0),
    slabsAllocated: 0,
    contentions: 0,
    objectsChecked: 0,
    validations: 0,
    handedOver: 0,
  };
}

const MAXIMA: ReadonlySet<string> = new Set(["longest", "longestAtEnd"]);

/** All of them together: sums, and the greatest of what are maxima. */
export function addTallies(tallies: readonly Tally[]): Tally {
  const total = makeTally() as unknown as Record<string, number | number[]>;
  for (const tally of tallies) {
    for (const [key, value] of Object.entries(tally) as [string, number | number[]][]) {
      const sum = total[key];
      if (Array.isArray(sum)) total[key] = sum.map((n, i) => n + ((value as number[])[i] ?? 0));
      else if (MAXIMA.has(key)) total[key] = Math.max(sum as number, value as number);
      else total[key] = (sum as number) + (value as number);
    }
  }
  return total as unknown as Tally;
}
