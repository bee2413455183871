/**
 * The scenarios that `slablab explore --all` runs, smallest first: each is a line of text
 * (scenario.ts) and how far it is explored.
 *
 * Heaps are tiny, so that every slow path is two or three operations away: objects of 16000 bytes
 * lie two in a slab, a node keeps no empty slab, and a CPU at most one partial slab.
 */
import { DEFER_ARMS } from "../../heap/constants.js";
import type { ExploreOptions } from "../explore.js";

export interface NamedScenario {
  readonly name: string;
  /** What it is about, in a few words. */
  readonly about: string;
  readonly text: string;
  readonly options: Partial<ExploreOptions>;
}

interface Shape {
  readonly name: string;
  readonly about: string;
  /** The scenario behind the arm. */
  readonly rest: string;
  readonly options: Partial<ExploreOptions>;
  readonly bytes?: number;
}

/** One CPU, an NMI before every access, nothing left out. */
const NMI_ONCE: Partial<ExploreOptions> = { bound: 0, nmi: 1, nmiDepth: 1, learns: false };
const NMI_TWICE: Partial<ExploreOptions> = { bound: 0, nmi: 2, nmiDepth: 2, learns: false };
/** Two CPUs, every schedule with at most two preemptions. */
const PAIR: Partial<ExploreOptions> = { bound: 2 };
const PAIR_WITH_NMI: Partial<ExploreOptions> = { bound: 1, nmi: 1 };

/** Shapes that are run for every arm of deferral. */
const SHAPES: readonly Shape[] = [
  {
    name: "nmi-slabs",
    about: "NMI before every access, from the first slab to the last given back",
    rest: "task:c0c1c2x0x1x2/nmi:C3X3",
    options: NMI_ONCE,
  },
  {
    name: "nmi-frees",
    about: "an NMI frees objects of full slabs in the middle of frees and refills",
    rest: "setup:c0c1c2c3c4c5/task:x0c6X1x2c7p/nmi:X3C8",
    options: NMI_ONCE,
  },
  {
    name: "nmi-kmalloc",
    about: "the same for kmalloc, whose nolock twin goes on to the next bucket",
    rest: "setup:k0k1k2k3k4/task:k5f0K6F1f2p/nmi:K7F3",
    options: NMI_ONCE,
    bytes: 4096,
  },
  {
    name: "nmi-aba",
    about: "an NMI pops two objects and pushes the first: the head is what it was, the next is not",
    rest: "setup:c0c1x1/task:c2c3x2/nmi:C4C5X4",
    options: NMI_ONCE,
    bytes: 8000,
  },
  {
    name: "nmi-nested",
    about: "two NMIs, one in the other or one after the other",
    rest: "setup:c0c1c2/task:c3x0/nmi:C4X4",
    options: NMI_TWICE,
  },
  {
    name: "remote-free",
    about: "both CPUs free objects of each other's full and partial slabs",
    rest: "setup:c0c1c2c3c4c5/task:x0c6x2/task:x1x3c7",
    options: PAIR,
  },
  {
    name: "one-slab",
    about: "both CPUs free the objects of one full slab: one lister, one that discards",
    rest: "part0/setup:c0c1c2c3c4/task:x0x2/task:x1x3",
    options: PAIR,
  },
  {
    name: "defer-drain",
    about: "nolock frees on one CPU while the other drains everything",
    rest: "setup:c0c1c2c3c4c5/task:X0x2p/task:X1bc6",
    options: PAIR,
  },
  {
    name: "refill",
    about: "an object is freed to a slab while its CPU refills from it",
    rest: "setup:c0c1c2c3/task:c4c5/task:x3x2x0",
    options: PAIR,
  },
  {
    name: "shrink",
    about: "one CPU shrinks the cache that another allocates from",
    rest: "part0/min2/setup:c0c1c2c3x0x1/task:sx2/task:c4c5x4",
    options: PAIR,
  },
  {
    name: "pair-nmi",
    about: "two CPUs, an NMI on each",
    rest: "setup:c0c1c2c3/task:x0/task:X1/nmi:C8X8",
    options: PAIR_WITH_NMI,
  },
  {
    name: "three-cpus",
    about: "three CPUs at random, with a probability to have missed a bug of depth 3",
    rest: "setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7/task:c8x3X8",
    options: { policy: "pct", depth: 3, schedules: 3000 },
  },
];

/** Shapes for which the arm makes no difference. */
const SINGLE: readonly Shape[] = [
  {
    name: "nocmpxchg",
    about: "the slab word under the slab lock",
    rest: "irq-work/nocmpxchg/setup:c0c1c2c3c4c5/task:x0c6x6/task:x1x2c7",
    options: PAIR,
  },
  {
    name: "rt-nmi",
    about: "owned local locks, an NMI before every access",
    rest: "irq-work/rt/task:c0c1c2x0x1x2/nmi:C3X3",
    options: NMI_ONCE,
  },
  {
    name: "rt-pair",
    about: "owned local locks on two CPUs",
    rest: "irq-work/rt/setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7",
    options: PAIR,
  },
  {
    name: "two-tasks",
    about: "two tasks of one CPU, preempted wherever the kernel would",
    rest: "irq-work/cpus1/setup:c0c1/task0:c2x0/task0:x1c3",
    options: PAIR,
  },
  {
    name: "nmi-rest",
    about: "an NMI before every access of shrink, barrier and poll",
    rest: "irq-work/part0/min2/setup:c0c1c2c3x0x1/task:X2bspx3/nmi:C4X4",
    options: NMI_ONCE,
  },
  {
    name: "sleepers",
    about: "who finds list_lock held spins to the end, and sleeps until it is woken",
    rest: "irq-work/part0/sleepy/setup:c0c1c2c3/task:x0x2/task:x1x3",
    options: PAIR,
  },
  {
    name: "sleepers-three",
    about: "two sleepers on one lock: neither is forgotten",
    rest: "irq-work/part0/sleepy/setup:c0c1c2c3c4c5c6/task:x0/task:x2/task:x4",
    options: PAIR,
  },
  {
    name: "large",
    about: "whole pages come and go on both CPUs, from the same buddies",
    rest: "irq-work/pages20/setup:l0l1c2/task:l3f0f3/task:f1l4c5",
    options: PAIR,
  },
  {
    name: "rcu",
    about: "objects wait for a grace period while the other CPU allocates and drains",
    rest: "irq-work/setup:c0c1c2c3/task:r0c4p/task:r1x2p",
    options: PAIR,
  },
  {
    name: "rcu-nmi",
    about: "an NMI before every access of kfree_rcu()",
    rest: "irq-work/setup:c0c1c2c3/task:r0r2pw/nmi:C4X4",
    options: NMI_ONCE,
  },
  {
    name: "out-of-memory",
    about: "the last pages are gone while both CPUs want a slab",
    rest: "irq-work/pages8/setup:c0c1/task:c2x0/task:c3x1",
    options: PAIR,
  },
];

export const SCENARIOS: readonly NamedScenario[] = [
  ...SINGLE.map(({ name, about, rest, options, bytes = 16000 }) => ({
    ...{ name, about, options, text: `model/${bytes}/${rest}` },
  })),
  {
    name: "release-pair",
    about: "the release build itself, two CPUs without NMIs",
    text: "release/16000/irq-work/setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7",
    options: PAIR,
  },
  ...SHAPES.flatMap(({ name, about, rest, options, bytes = 16000 }) =>
    DEFER_ARMS.map((arm) => ({
      name: `${name}-${arm}`,
      about: `${about} (${arm})`,
      text: `model/${bytes}/${arm}/${rest}`,
      options,
    })),
  ),
];

/** Scenarios small enough to explore without learned conflicts too, which shows learning sound. */
export const LEARNING_PROOF: readonly string[] = [
  "model/16000/irq-work/part0/setup:c0c1/task:x0/task:x1",
  "model/16000/global/setup:c0c1c2c3/task:X0/task:X1",
  "model/16000/irq-work/setup:c0c1c2c3/task:x0/task:c4",
];

/** The names nearest to one that is unknown, by edits. */
export function suggestScenarios(name: string): string[] {
  return SCENARIOS.map((each) => ({ name: each.name, edits: editDistance(name, each.name) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map((each) => each.name);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = (row[j] as number) + Number(a[i] !== b[j]);
      next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
