/**
 * The laws a heap at rest keeps, by the ids that findings carry.
 *
 * The letter says when a law holds: A at every access, O after every operation, Q when nothing
 * runs, T over time (here: what of it can be seen at rest).
 */

export const INVARIANTS = {
  "Q0-header": "the header is what boot wrote, and fits the memory's size",
  "Q0-guard": "the page right above the reserve is as boot filled it",
  "Q0-cache": "a cache's constants agree with each other; names are unique",
  "Q1-census":
    "every object is in one place: a user's hands, a freelist of a slab or CPU, a deferred list",
  "Q1-slabs": "every slab is in one place: a cpu slab, one list, or full and on none",
  "O2-counters": "inuse + length of the freelist = objects, for each slab",
  "Q3-totals": "a node's nr_slabs and total_objects equal a walk over all pages",
  "O5-freelist": "a free pointer is 0 or an object of the same slab, and no list is a circle",
  "O6-disjoint": "a slab's freelist and the freelist of its CPU share no object",
  "O9-partial":
    "a slab on a node's list is that node's, carries SL_PARTIAL, has a free object, is not frozen",
  "O10-in-hand":
    "a slab with free objects that is on no node's list is in the hand of one CPU, and only such",
  "O11-full":
    "a full slab carries no SL_PARTIAL and is on no list, or, with slab_debug, on the full list",
  "O12-frozen":
    "a slab is frozen while it is a cpu slab, a deferred one or, with slab_debug, disabled",
  "O13-nr-partial": "nr_partial is the length of the list, whose links agree both ways",
  "Q14-empty": "a node keeps no more empty slabs than min_partial",
  "O19-tid": "a tid modulo TID_STEP is its CPU",
  "O20-cpu-slab":
    "without a cpu slab, as always with slab_debug, there is no cpu freelist; else it lies there",
  "A23-deferred": "a deferred list ends, and holds objects that nothing else holds",
  "T25-pending": "while something waits for a CPU's irq_work, that work is raised",
  "T27-drain": "no drain is in progress",
  "Q28-arm": "objects wait only on the lists of the heap's own arm, and only while a cache lives",
  "A33-locks": "no lock is held",
  "Q36-pages": "every page belongs to exactly one block of a known kind",
  "Q36-zones": "a zone's page counts equal a walk over all pages",
  "Q36-buddies": "a free block is on the list of its order, and its buddy is not free beside it",
  "Q36-masks": "free_mask and the block map say which lists and blocks are free",
  "Q36-pcp": "a CPU's page lists hold what their counts say",
  "Q37-stats": "a cache's counters lie in a table page",
  "Q38-charges": "a free object is charged to nobody, a live one to nobody or a group that exists",
  "Q39-memcg":
    "a group's pages are its free bytes, its stocks and what its objects and large pages take",
  "Q38-rcu":
    "what waits for a grace period is on one list, which holds nothing else; no period is 0",
  "O40-sheaves":
    "a sheaf is in one place, its size fits it, and it holds free objects of its cache",
  "O41-barns": "a barn's counts are the lengths of its lists, and it keeps what it may",
  "O42-classes": "a page's class is the index of the cache whose slab it is part of, or 0",
  "O43-rcu-sheaves":
    "a sheaf that waits for a grace period is in one place, and has objects that nothing else has",
  "A0-context": "no CPU is inside a call, a handler or a section",
  "Q0-offline": "a CPU number that is free holds nothing",
  "Q0-checker": "the walk itself came to its end",
} as const;

/** The id of a law; stable from version to version. */
export type InvariantId = keyof typeof INVARIANTS;

/** One broken law. */
export interface Finding {
  /** The law: a key of INVARIANTS. */
  readonly invariant: InvariantId;
  /** The thing it was found at, in words: `page 1044 (kmalloc-64)`, `cpu 2`. */
  readonly where: string;
  /** Address of that thing, or 0. */
  readonly address: number;
  /** What was expected and what was found. */
  readonly message: string;
}
