/**
 * What the machine explores to hunt a mutant, cheapest first: heaps and programs that have the
 * shapes of defects, a few hundred to a few ten thousand schedules each.
 *
 * Objects of 16000 bytes lie two in a slab, of 8000 bytes four. `setup` is on CPU 0.
 */
import type { ExploreOptions } from "../machine/explore.js";
import { SCENARIOS } from "../machine/scenarios/named.js";

export interface Shape {
  readonly name: string;
  /** What defect has this shape. */
  readonly about: string;
  /** A scenario (scenarios/scenario.ts). */
  readonly text: string;
  readonly options: Partial<ExploreOptions>;
}

/** An NMI before every access of one task, nothing left out. */
const NMI: Partial<ExploreOptions> = { bound: 0, nmi: 1, nmiDepth: 1, learns: false };
/** Every schedule of two tasks with one or two preemptions. */
const ONCE: Partial<ExploreOptions> = { bound: 1 };
const TWICE: Partial<ExploreOptions> = { bound: 2 };
/** A task is moved once to another CPU. */
const MOVED: Partial<ExploreOptions> = { migrations: 1 };

/** The groups in slots 8 and 9; this CPU charges the second. */
const SET8 = ".memcg_set:s8:1.";
const SET9 = ".memcg_set:s9:1.";
const GROUPS = `model/64/irq-work/setup:.memcg_create:two:9.8.memcg_create:grp:9.9${SET9}`;
/** Makes a cache of 64 bytes with a name in between. */
const CREATE = ".kmem_cache_create";
const EMPTY = ":64:0:0:0.";

export const SHAPES: readonly Shape[] = [
  {
    name: "moved",
    about: "a task is moved to another CPU in the middle of a pop or a push",
    text: "model/64/irq-work/cpus2/setup:k0k1/task:k2f2",
    options: { ...ONCE, ...MOVED },
  },
  {
    name: "moved-while-flushed",
    about: "a pop goes on on another CPU while its old CPU detaches the list",
    text: "model/8000/irq-work/cpus2/setup:c0c1/task0:c2/task0:s",
    options: { ...TWICE, ...MOVED, only: /this_cpu_cmpxchg_double$|detach_freelist$/ },
  },
  {
    name: "pop-aba",
    about: "an NMI pops two objects and pushes the first, in the middle of a pop and a push",
    text: "model/8000/irq-work/setup:c0c1x1/task:c2c3x2/nmi:C4C5X4",
    options: NMI,
  },
  {
    name: "pop-many",
    about: "an NMI pops and pushes in the middle of a bulk allocation from the cpu freelist",
    text: "model/8000/irq-work/setup:c0/task:B1/nmi:C4",
    options: NMI,
  },
  {
    name: "push-to-nothing",
    about: "an NMI detaches the empty list of a full cpu slab, and finds no other slab",
    text: "model/16000/irq-work/pages8/setup:c0c1/task:x1/nmi:C3",
    options: NMI,
  },
  {
    name: "nolock-push-to-nothing",
    about: "the same in the middle of a nolock free",
    text: "model/16000/irq-work/pages8/setup:c0c1/task:X1/nmi:C3",
    options: NMI,
  },
  {
    name: "last-partial",
    about: "an NMI uses up the percpu partial list that was looked at, and the memory",
    text: "model/16000/irq-work/pages8/setup:c0c1x0/task:c4/nmi:C5C6",
    options: NMI,
  },
  {
    name: "kmalloc-nmi",
    about:
      "the inlined pop and push of kmalloc() and kfree(), with an NMI between any two accesses",
    text: "model/4096/irq-work/setup:k0k1f1/task:k2f2k3f0/nmi:K7K8",
    options: NMI,
  },
  {
    name: "two-adds",
    about: "two CPUs add to one list of deferred objects",
    text: "model/16000/global/setup:c0c1c2c3/task:X0/task:X1",
    options: ONCE,
  },
  {
    name: "two-takers",
    about: "two CPUs take one list of deferred objects, and add to it",
    text: "model/16000/global/setup:c0c1c2c3/task:X0b/task:X1b",
    options: ONCE,
  },
  {
    name: "put-away-while-freed",
    about: "a cpu slab with free objects is put away while another CPU frees to it",
    text: "model/8000/irq-work/setup:c0c1/task:s/task:x0",
    options: ONCE,
  },
  {
    name: "direct-pair",
    about: "two CPUs free to one full slab without a lock",
    text: "model/8000/direct/setup:c0c1c2c3c4/task:X0/task:X1",
    options: ONCE,
  },
  {
    name: "one-slab",
    about: "two CPUs free the last objects of one full slab: one lists it, one discards it",
    text: "model/16000/irq-work/part0/setup:c0c1c2c3c4/task:x0/task:x1",
    options: TWICE,
  },
  {
    name: "destroy-while-drained",
    about: "a cache is destroyed while another CPU has its last objects in its hands",
    text: "model/16000/irq-work/setup:c0c1c2c3X0X1x2x3/task:p/task:d",
    options: ONCE,
  },
  {
    name: "nmi-slabs",
    about: "an NMI allocates and frees, from a first slab to the last one given back",
    text: "model/16000/irq-work/task:c0c1c2x0x1x2/nmi:C3X3",
    options: NMI,
  },
  {
    name: "nmi-frees",
    about: "an NMI frees objects of full slabs in the middle of frees and refills",
    text: "model/16000/irq-work/setup:c0c1c2c3c4c5/task:x0c6X1x2c7p/nmi:X3C8",
    options: NMI,
  },
  {
    name: "refill",
    about: "an object is freed to a slab while its CPU refills from it",
    text: "model/16000/irq-work/setup:c0c1c2c3/task:c4c5/task:x3x2x0",
    options: ONCE,
  },
  {
    name: "freeze-while-freed",
    about: "a slab is taken off its node's list while another CPU frees to it",
    text: "model/8000/irq-work/part0/setup:c0c1c2c3c4x0/task:x1/task:c5",
    options: ONCE,
  },
  {
    name: "two-refills",
    about: "two CPUs take slabs off one node's list",
    text: "model/16000/irq-work/part0/setup:c0c1c2c3c4c5x0x2/task:c6/task:c7",
    options: TWICE,
  },
  {
    name: "remote-free",
    about: "two CPUs free objects of each other's full and partial slabs",
    text: "model/16000/irq-work/setup:c0c1c2c3c4c5/task:x0c6x2/task:x1x3c7",
    options: TWICE,
  },
  {
    name: "same-list-again",
    about: "two tasks of a CPU, a remote free: the list's head is what it was, by refills alone",
    text: "model/8000/irq-work/setup:c0c1c2c3/task0:x0c4/task0:c5c6/task1:x1x5x2",
    options: { bound: 3, only: /this_cpu_cmpxchg_double$|slab_alloc_slow$/ },
  },
  {
    name: "nocmpxchg",
    about: "two CPUs change slab words under the slab lock",
    text: "model/16000/irq-work/nocmpxchg/setup:c0c1c2c3c4/task:x0/task:x1",
    options: TWICE,
  },
  {
    name: "sleepers",
    about: "who finds a lock held spins to the end, and sleeps until it is woken",
    text: "model/16000/irq-work/part0/sleepy/setup:c0c1c2c3/task:x0/task:x1",
    options: ONCE,
  },
  {
    name: "one-partial",
    about: "two CPUs want the only slab on a node's list",
    text: "model/16000/irq-work/part0/setup:c0c1c2c3x0/task:c6/task:c7",
    options: ONCE,
  },
  {
    name: "last-free-while-refilled",
    about: "the last object of a percpu partial slab is freed while its CPU makes it the cpu slab",
    text: "model/16000/irq-work/setup:c0c1c2c3x0/task:c4/task:x1",
    options: TWICE,
  },
  {
    name: "nmi-while-flushed",
    about: "an NMI allocates while its CPU gives up everything it holds",
    text: "model/16000/irq-work/setup:c0c1c2x0/task:s/nmi:C5C6C7",
    options: NMI,
  },
  {
    name: "nmi-while-put",
    about: "an NMI takes the percpu partial slab while another is put before it",
    text: "model/16000/irq-work/setup:c0c1c2c3c4c5x0/task:x2/nmi:C6",
    options: NMI,
  },
  {
    name: "nmi-while-drained",
    about: "an NMI defers an object while its CPU drains",
    text: "model/16000/irq-work/setup:c0c1c2c3c4c5X0/task:p/nmi:X2",
    options: NMI,
  },
  {
    name: "direct-and-barrier",
    about: "a slab that a direct free made partial is taken by another CPU at once",
    text: "model/8000/direct/setup:c0c1c2c3c4/task:X0/task:b",
    options: ONCE,
  },
  {
    name: "destroy-while-served",
    about: "a cache is destroyed while another CPU frees what waited for a grace period",
    text: "model/16000/irq-work/setup:c0c1x1r0/task:pp/task:d",
    options: ONCE,
  },
  {
    name: "sleepers-three",
    about: "two sleepers on one lock: neither is forgotten",
    text: "model/16000/irq-work/part0/sleepy/setup:c0c1c2c3c4c5c6/task:x0/task:x2/task:x4",
    options: ONCE,
  },
  {
    name: "lock-three",
    about: "two CPUs wait for a lock, and see it free at once",
    text: "model/16000/irq-work/part0/setup:c0c1c2c3c4c5c6/task:x0/task:x2/task:x4",
    options: { bound: 3, only: /spinlock\/spin_|atomic\/xchg$/ },
  },
  {
    name: "two-creates",
    about: "two CPUs make a cache at the same time",
    text: `model/16000/irq-work/task:${CREATE}:two${EMPTY}/task:${CREATE}:grp${EMPTY}`,
    options: ONCE,
  },
  {
    name: "two-first-slabs",
    about: "two CPUs get their first pages, one of them in a nolock call",
    text: "model/16000/irq-work/task:c0/task:C1",
    options: ONCE,
  },
  {
    name: "checked-nmi",
    about: "a free of an address that may be anything, with an NMI between any two accesses",
    text: "model/4096/irq-work/setup:k0k1/task:j0/nmi:K7",
    options: NMI,
  },
  {
    name: "two-groups-pair",
    about: "two CPUs that change their group give bytes back to one at the same time",
    text: `${GROUPS}a0/setup1:${SET9}a1/task:${SET8}a2a3/task:${SET8}a4a5`,
    options: ONCE,
  },
  {
    name: "two-takers-of-bytes",
    about: "two CPUs without a stock charge a group that has bytes left over",
    text: `${GROUPS}a0${SET8}a1${SET9}/setup1:${SET9}/task:a2/task:a3`,
    options: ONCE,
  },
  {
    name: "two-boots",
    about: "two Workers make the heap, or find it",
    text: "model/64/irq-work/cold/start0/task:k0/task:k1",
    options: { ...ONCE, only: /boot\/heap_init$/ },
  },
  ...["attach-race"].map(known),
  ...["enough-for-a-wish", "enough-while-sorted", "enough-on-lists"].map(known),
  ...["enough-in-a-group"].map(known),
  ...["death-slabs-irq-work", "death-frees-irq-work", "death-nolock-irq-work"].map(known),
  ...["death-rcu", "death-rcu-barrier", "death-nocmpxchg", "death-node-list"].map(known),
  ...["death-others-pages", "death-two-slabs", "death-reader", "death-two-reapers"].map(known),
  ...["death-reaper", "death-beside-frees", "death-beside-thaw"].map(known),
  ...["death-two", "death-all", "death-all-reaper", "death-while-reaping-offline"].map(known),
  ...["death-all-reaper-anywhere", "death-sheaf-rcu", "death-sheaf-rcu-offline"].map(known),
  ...["sheaf-shrink", "sheaf-barn", "death-sheaf-frees", "death-sheaf-flushes"].map(known),
  ...["death-sheaf-stack"].map(known),
  {
    name: "two-dead-thaw",
    about: "a CPU dies in the thaw of a slab that another one freed to and died",
    text: "model/16000/irq-work/part0/kib448/setup:c0c1/task:c4/task:x0/task:pE0D0/task:pE1E0D1",
    options: { bound: 0, deaths: 2, only: /\/thaw$|\/(?:add|link)_partial$/ },
  },
  {
    name: "two-dead-count",
    about: "two CPUs die with new slabs of a node, before they were counted or after",
    text: "model/16000/irq-work/part0/kib448/task:c4/task:c5/task:pE0D0/task:pE1D1",
    options: { bound: 0, deaths: 2, only: /\/(?:count_slab|allocate_slab)$/ },
  },
  {
    name: "dead-reaper-of-claim",
    about: "who reaps a CPU dies with a slab that a live one has made partial and not claimed",
    text: "model/16000/irq-work/kib448/setup:c0c1c2c3/task:x0/task:x1/task:D0/task:D2D0",
    options: { bound: 1, deaths: 2, only: /\/hand\/claim|\/take_lost_slab$/ },
  },
];

/** A shape that `slablab explore` has, too. */
function known(name: string): Shape {
  const { about, text, options } = SCENARIOS.find((each) => each.name === name) as Shape;
  return { name, about, text, options };
}
