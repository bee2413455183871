/** Slabs and their lists, where the arm of deferral makes no difference. */
import { NMI_ONCE, NMI_TWICE, type NamedScenario, PAIR, PAIR_ONCE, scenario } from "./budgets.js";

export const SLABS: readonly NamedScenario[] = [
  scenario(
    "nocmpxchg",
    "the slab word under the slab lock",
    "irq-work/nocmpxchg/setup:c0c1c2c3c4c5/task:x0c6x6/task:x1x2c7",
    PAIR,
  ),
  scenario(
    "nocmpxchg-nmi",
    "the slab word under the slab lock, an NMI before every access",
    "irq-work/nocmpxchg/setup:c0c1c2c3c4c5/task:x0c6X2x6c7x3p/nmi:C8X1",
    NMI_ONCE,
  ),
  scenario(
    "two-tasks",
    "two tasks of one CPU, preempted wherever the kernel would",
    "irq-work/cpus1/setup:c0c1/task0:c2x0/task0:x1c3",
    PAIR,
  ),
  scenario(
    "nmi-rest",
    "an NMI before every access of shrink, barrier and poll",
    "irq-work/part0/min2/cpus2/setup:c0c1c2c3x0x1/task:X2bspx3/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "nmi-partial",
    "an NMI before every access of long percpu and node partial lists",
    "irq-work/part2/min9/setup:c0c1c2c3c4c5c6c7c8c9/task:x0x2x4x6x8c10c11c12/nmi:C13X13",
    NMI_ONCE,
  ),
  scenario(
    "nmi-node-list",
    "an NMI before every access of the node's list, whose middle is taken out too",
    "irq-work/part0/setup:c0c1c2c3c4c5c6/task:x0x2x4x3x1C7x5/nmi:C8X8",
    NMI_ONCE,
  ),
  scenario(
    "nmi-shrink-asked",
    "a CPU that was asked to flush does so, with an NMI before every access",
    "irq-work/part1/min2/setup:c0c1c2c3x0/setup1:s/task:c4x1c5/nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "nmi-lost-race",
    "an NMI frees to the slab that its task is freeing to, and another comes after it",
    "direct/setup:c0c1c2c3/task:x0/nmi:X1",
    NMI_TWICE,
  ),
  scenario(
    "nmi-installed",
    "two NMIs allocate while their task gets itself a slab",
    "irq-work/part0/task:c0C1/nmi:C2C3",
    NMI_TWICE,
  ),
  scenario(
    "single-object",
    "slabs of one object, from full to empty in one free",
    "irq-work/setup:c0c1c2/task:x0c3/task:x1c4",
    PAIR_ONCE,
    32000,
  ),
  scenario(
    "aba",
    "objects are taken and given back between a load and its cmpxchg",
    "irq-work/cpus1/setup:c0c1x0/task0:c2x2/task0:c3c4x3",
    PAIR,
    8000,
  ),
  scenario(
    "sleepers",
    "who finds list_lock held spins to the end, and sleeps until it is woken",
    "irq-work/part0/sleepy/setup:c0c1c2c3/task:x0x2/task:x1x3",
    PAIR,
  ),
  scenario(
    "sleepers-three",
    "two sleepers on one lock: neither is forgotten",
    "irq-work/part0/sleepy/setup:c0c1c2c3c4c5c6/task:x0/task:x2/task:x4",
    PAIR,
  ),
  scenario(
    "sleepers-nmi",
    "an NMI comes to who sleeps, and to who wakes it",
    "irq-work/part0/sleepy/setup:c0c1c2c3c4/task:x0/task:x2/nmi:C5X5",
    { bound: 1, nmi: 1, learns: false },
  ),
  scenario(
    "impatient",
    "a CPU that may not sleep misses list_lock, and defers",
    "irq-work/part0/bounded/sleepy/setup:c0c1c2c3/task:x0c5/task:x1x2p",
    PAIR_ONCE,
  ),
  scenario(
    "rt-nmi",
    "owned local locks, an NMI before every access",
    "irq-work/rt/task:c0c1C2x0X1x2/nmi:C3X3",
    NMI_ONCE,
  ),
  scenario(
    "rt-pair",
    "owned local locks on two CPUs",
    "irq-work/rt/setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7",
    PAIR,
  ),
  scenario(
    "rt-tasks",
    "two tasks of one CPU want the same local lock; one sleeps",
    "irq-work/rt/sleepy/cpus1/setup:c0c1/task0:c2x0/task0:C3x1",
    PAIR_ONCE,
  ),
  scenario(
    "random",
    "shuffled freelists, an NMI before every access",
    "irq-work/random/task:c0c1c2x0x1x2/nmi:C3X3",
    NMI_ONCE,
  ),
  scenario(
    "constructor",
    "a constructor runs for every object of a new slab",
    "irq-work/ctor/task:c0c1c2x0x1x2/nmi:C3X3",
    NMI_ONCE,
  ),
  scenario(
    "constructor-pair",
    "both CPUs construct and destruct slabs",
    "irq-work/ctor/task:c0c1x0/task:c2x2",
    PAIR,
  ),
  scenario(
    "constructor-throws",
    "a constructor throws, and its slab goes back",
    "irq-work/badctor/task:c0C1k2f2/nmi:C3k4f4",
    NMI_ONCE,
  ),
];
