/**
 * Scenarios in which tasks die: one ceases before every access of its calls, another reaps its CPU
 * and goes on with the heap. Their memories are small, since who reaps looks at every page.
 */
import { DEFER_ARMS } from "../../../heap/arms.js";
import type { ExploreOptions } from "../../explore.js";
import type { NamedScenario } from "./budgets.js";

interface Death {
  readonly name: string;
  readonly about: string;
  /** The scenario behind the arm. */
  readonly rest: string;
  readonly options?: Partial<ExploreOptions>;
  readonly bytes?: number;
}

/** Nobody is preempted: a death before every access, and then the reaper. */
const ALONE: Partial<ExploreOptions> = { bound: 0, deaths: 1 };
/** A live CPU, which is preempted and preempts once. */
const BESIDE: Partial<ExploreOptions> = { bound: 1, deaths: 1 };
const WITH_NMI: Partial<ExploreOptions> = { bound: 0, deaths: 1, nmi: 1 };
const BOTH: Partial<ExploreOptions> = { bound: 0, deaths: 2 };
/** Two deaths and a preemption anywhere are too many for all of them. */
const BOTH_BESIDE: Partial<ExploreOptions> = { policy: "random", deaths: 2, schedules: 3000 };

/** Nothing left out. */
const ANYWHERE: Partial<ExploreOptions> = { ...BOTH, learns: false };
/** It dies, or it does not: what it had is all from the setup. */
const DIES = "task:.preempt_count.";
/** Each knows of one death. They begin with a call, so that they look when it has happened. */
const TWO_REAPERS = "task:pE0D0c20/task:pE1D1";
/** A group, and CPU 1 in it. */
const GROUP = "setup:.memcg_create:grp:9.9.memcg_set:s9:1.";
const MEMBER = "setup1:.memcg_set:s9:1.";
const ASKS = ".reap_blocker:base.";
/** Two threads that are no CPUs: each takes the dead CPU's number, the second that of the first. */
const NO_CPUS = "setup1:h/setup2:h";
/** It waits for what becomes of the second: before that it cannot say that one is gone. */
const THIRD = "task:e0T0H/task:e1e0G10T0HD1c20x20";
/** It does not wait, and so looks again when the second is over. */
const BESIDE_SECOND = "task:e0T0/task:e0G10T0e1G10T0";
/** What the reaper does with the heap afterwards. */
const REAPER = "task:D0c20c21x20x21";

/** Deaths that are explored for every arm of deferral. */
const DEATHS: readonly Death[] = [
  {
    name: "death-slabs",
    about: "a CPU dies anywhere between its first slab and the last given back; another reaps it",
    rest: `kib448/task:c0c1c2x0x1x2/${REAPER}`,
  },
  {
    name: "death-frees",
    about: "a CPU dies in frees to full, partial and other CPUs' slabs",
    rest: `kib448/setup:c0c1c2c3c4c5/task:x0c6x6x1c7x2/${REAPER}`,
  },
  {
    name: "death-nolock",
    about: "a CPU dies in nolock calls, deferrals and their drain",
    rest: `kib448/setup:c0c1c2c3c4c5/task:X0C6X2X6bX1p/${REAPER}`,
  },
  {
    name: "death-nmi",
    about: "a CPU dies in an NMI handler, or below it",
    rest: `kib448/setup:c0c1c2/task:x0c6/nmi0:C8X8/${REAPER}`,
    options: WITH_NMI,
  },
];

/** Deaths for which the arm makes no difference. */
const SINGLE: readonly Death[] = [
  {
    name: "death-kmalloc",
    about: "a CPU dies in kmalloc, kzalloc, kfree and their nolock twins",
    rest: "irq-work/kib448/setup:k0k1k2k3k4k5k6k7/task:k8f0K9F1z10f2k11f8/task:D0k20k21f20f21",
    bytes: 4096,
  },
  {
    name: "death-large",
    about: "a CPU dies while whole pages come and go",
    rest: "irq-work/kib448/setup:l0l1c2/task:l3f0f3l4/task:D0l20c21f20",
  },
  {
    name: "death-shrink",
    about: "a CPU dies in shrink, poll and barrier",
    rest: `irq-work/part0/min2/kib448/setup:c0c1c2c3x0x1/task:X2sbp/${REAPER}`,
  },
  {
    name: "death-rcu",
    about: "a CPU dies in kfree_rcu() and in waiting for a grace period",
    rest: `irq-work/kib448/setup:c0c1c2c3/task:r0r2pw/${REAPER}`,
  },
  {
    name: "death-reader",
    about: "a CPU dies in a read-side section, and another waits for a grace period",
    rest: "irq-work/kib448/setup:c0c1/task:ir0o/task:D0wc20",
  },
  {
    name: "death-rcu-barrier",
    about: "a CPU dies in rcu_barrier(), among what others gave to kfree_rcu()",
    rest: "irq-work/kib448/setup:c0c1c2/setup1:c4c5r4r5/task:r0W/task:D0c20wp",
  },
  {
    name: "death-typesafe",
    about: "a CPU dies while slabs of a SLAB_TYPESAFE_BY_RCU cache are given back",
    rest: "irq-work/typesafe/kib448/setup:c0c1/task:x0x1spw/task:D0c20wp",
  },
  {
    name: "death-bulk",
    about: "a CPU dies in bulk calls",
    rest: "irq-work/kib448/setup:c3/task:B0U0x3/task:D0c20x20",
  },
  {
    name: "death-nodes",
    about: "a CPU dies between two nodes",
    rest: "irq-work/nodes2/kib640/setup:n0n1/task:n2f0N3f1F2/task:D0n20",
    bytes: 4096,
  },
  {
    name: "death-memcg",
    about: "a CPU dies in charges and their return; another of the group reaps it",
    rest: `irq-work/${GROUP}a0/${MEMBER}/task:a1f0a2/task:D0a20f20`,
    bytes: 64,
  },
  {
    name: "death-memcg-large",
    about: "the same with whole pages",
    rest: `irq-work/${GROUP}/${MEMBER}/task:a1f1/task:D0a20f20`,
    bytes: 10_000,
  },
  {
    name: "death-group",
    about: "a CPU dies while it makes the first group, with its caches",
    rest: "irq-work/setup:k0/task:.memcg_create:grp:9.9/task:D0k20f20",
    bytes: 64,
  },
  {
    name: "death-growth",
    about: "a CPU dies while the heap grows",
    rest: "irq-work/mib2/start1/limit2/setup:g0g1g2g3/task:g4f4/task:D0g20",
  },
  {
    name: "death-run",
    about: "a CPU dies while a run of blocks is put together, and cut up",
    rest: "irq-work/mib16/task:m0f0/task:D0c20",
  },
  {
    name: "death-create",
    about: "a CPU dies while it makes a cache, with shuffled freelists",
    rest: "irq-work/random/kib512/task:.kmem_cache_create:two:64:0:0:0./task:D0k20f20",
    bytes: 64,
  },
  {
    name: "death-destroy",
    about: "a CPU dies while it destroys a cache of which others have slabs",
    rest: "irq-work/kib448/setup:c0c1x0x1/setup1:c2c3c4c5x2x4x3x5/task:d/task:D0k20f20",
  },
  {
    name: "death-offline",
    about: "a CPU dies on its way out",
    rest: "irq-work/kib448/setup:c0c1/task:x0X1h/task:D0c20x20",
  },
  {
    name: "death-barrier",
    about: "a CPU dies in a shrink and barriers that take what others deferred",
    rest: "percpu-slow-free/kib448/setup1:c0c1c2c3X0X1X2X3/task:sbW/task:D0c20",
  },
  {
    name: "death-lists",
    about: "a CPU dies while lists of several objects pass from a slab to it and back",
    rest: "irq-work/kib448/setup:c0c1c2c3c4c5/setup1:x0x2x4/task:c6x1x3c7s/task:D0c20c21x20",
    bytes: 4000,
  },
  {
    name: "death-node-list",
    about: "a CPU dies while its node's list changes at both ends and in the middle",
    rest: "irq-work/part0/kib448/setup:c0c1c2c3c4c5x0x2x4/task:x3x5c6x1/task:D0c20c21c22",
  },
  {
    name: "death-others-pages",
    about: "memory is out, and a CPU dies while it takes the pages that another keeps",
    rest: "irq-work/kib448/pages16/setup1:l0l1f0f1/task:l2l3/task1:D0l20l21",
  },
  {
    name: "death-large-late",
    about: "a CPU dies among pages that an NMI could not give back",
    rest: "irq-work/kib1024/setup:g0g4/task:f0/nmi0:f4/task:D0c20",
    options: WITH_NMI,
  },
  {
    name: "death-hole",
    about: "a CPU dies while the heap grows around what another module took",
    rest: "irq-work/start1/hole/pages1/task:l0f0/task:D0c20",
  },
  {
    name: "death-blocker",
    about: "somebody asks who is dead without anybody having said so, before and after",
    rest: `irq-work/part0/sleepy/kib448/setup:c0c1c2c3/task:x0c4/task:p${ASKS}E0${ASKS}D0c20`,
  },
  {
    name: "death-rt",
    about: "a CPU with owned local locks dies",
    rest: `irq-work/rt/kib448/setup:c0c1c2c3/task:x0c6X1x6x2/${REAPER}`,
  },
  {
    name: "death-nocmpxchg",
    about: "a CPU dies with the slab lock of a slab",
    rest: `irq-work/nocmpxchg/kib448/setup:c0c1c2c3/task:x0c6X1x6x2/${REAPER}`,
  },
  {
    name: "death-sleepers",
    about: "a CPU dies with a lock that another sleeps for",
    rest: "irq-work/part0/sleepy/kib448/setup:c0c1c2c3/task:x0/task:D0c20/task:x2",
    options: BESIDE,
  },
  {
    name: "death-beside-frees",
    about: "a CPU dies while another frees to the same slab, whom the reaper meets anywhere",
    rest: "irq-work/kib448/setup:c0c1c2c3/task:x0/task:D0c20/task:x1c9",
    options: BESIDE,
  },
  {
    name: "death-beside-thaw",
    about: "who reaps looks at a slab before another CPU uses it up, and takes it in hand after",
    rest: "irq-work/min2/kib448/setup:c6c7c8/setup1:c0c1c2c3x0/task:x6/task:c4c5x1/task:D0",
    options: { ...BESIDE, bound: 4, only: /\/(?:take_back|seems_lost|free_to_slab|claim)$/ },
  },
  {
    name: "death-beside-nolock",
    about: "the same where nolock frees go to the slab directly",
    rest: "direct/kib448/setup:c0c1c2c3/task:X0/task:D0c20/task:X1c9",
    options: BESIDE,
  },
  {
    name: "death-beside-allocs",
    about: "a CPU dies while another allocates",
    rest: "irq-work/kib448/setup:c0c1c2c3/task:x0/task:D0c20/task:c9x9",
    options: BESIDE,
  },
  {
    name: "death-nmi-reaper",
    about: "an NMI in the middle of reaping",
    rest: "irq-work/kib448/setup:c0c1c2/task:x0/task:D0c20/nmi1:C8X8",
    options: WITH_NMI,
  },
  {
    name: "death-reaper",
    about: "whoever reaps dies too, anywhere, and a third reaps both",
    rest: "irq-work/kib448/setup:c0c1c2/task:x0/task:D0/task:D0D1c20c21x20",
    options: BOTH,
  },
  {
    name: "death-reaper-anywhere",
    about: "whoever reaps a CPU with slabs in all places dies before every access of it",
    rest: `irq-work/kib448/setup:c0c1c2c3c4X0X1X2x3/${DIES}/task:D0/task:D0D1c20`,
    options: ANYWHERE,
  },
  {
    name: "death-reaper-anywhere-rcu",
    about: "the same where objects wait for a grace period",
    rest: `irq-work/kib448/setup:c0c1c2c3r0r1/${DIES}/task:D0/task:D0D1c20`,
    options: ANYWHERE,
  },
  {
    name: "death-two-reapers",
    about: "a CPU dies, and who reaps it; two others reap both at the same time",
    rest: "irq-work/kib448/setup:c0c1/task:x0/task:D0/task:pE0E1D1D0c20/task:pD0",
    options: BOTH,
  },
  {
    name: "death-all",
    about: "the only CPU dies; a thread that is none recovers it, as that CPU",
    rest: "irq-work/kib448/setup:c0c1c2c3/setup1:h/task:x0c4X1X2/task:e0T0Hc20x20",
  },
  {
    name: "death-all-reaper",
    about: "who recovers a CPU as that CPU dies in it, and a third does as that CPU",
    rest: `irq-work/kib448/setup:c0c1/${NO_CPUS}/task:x0/${THIRD}`,
    options: BOTH,
  },
  {
    name: "death-all-reaper-anywhere",
    about: "the same before every access, where the CPU had slabs in all places",
    rest: `irq-work/kib448/setup:c0c1c2c3c4X0X1X2x3/${NO_CPUS}/${DIES}/${THIRD}`,
    options: ANYWHERE,
  },
  {
    name: "death-all-reaper-rcu",
    about: "the same where objects wait for a grace period",
    rest: `irq-work/kib448/setup:c0c1c2c3r0r1/${NO_CPUS}/${DIES}/${THIRD}`,
    options: ANYWHERE,
  },
  {
    name: "death-all-reaper-beside",
    about: "the same where the third wants to recover that CPU while the second does",
    rest: `irq-work/kib448/setup:c0c1/${NO_CPUS}/task:x0/${BESIDE_SECOND}`,
    options: BOTH_BESIDE,
  },
  {
    name: "death-all-two",
    about: "two threads that are no CPUs recover the same CPU at once",
    rest: "irq-work/kib448/setup:c0c1/setup1:h/setup2:h/task:x0/task:e0T0H/task:e0T0Hc21",
    options: BESIDE,
  },
  {
    name: "death-while-reaping",
    about: "a CPU dies with a lock that reaping another waits for, and nobody else is there",
    rest: "irq-work/kib448/setup:c0c1c2c3/task:x0/task:x1/task:pE0E1D0D1c20",
    options: BOTH,
  },
  {
    name: "death-while-reaping-offline",
    about: "the same where it dies on its way out, with slab_mutex",
    rest: "irq-work/kib448/setup:c0c1/task:x0/task:h/task:pE0E1D0D1c20",
    options: BOTH,
  },
  {
    name: "death-two",
    about: "two CPUs die, each with a lock that reaping the other waits for; two others reap them",
    rest: `irq-work/kib448/setup:c0c1c2c3/task:x0/task:x1/${TWO_REAPERS}`,
    options: BOTH,
  },
  {
    name: "death-two-nolock",
    about: "two CPUs die in nolock frees",
    rest: `irq-work/kib448/setup:c0c1c2c3/task:X0/task:X1/${TWO_REAPERS}`,
    options: BOTH,
  },
  {
    name: "death-two-slabs",
    about: "a CPU dies with a new slab in its hand, and one with its zone or list",
    rest: "irq-work/part0/min0/kib448/setup:c0c1c2/task:c4/task:x0/task:pE0D0/task:pE1D1",
    options: BOTH,
  },
];

function scenario(death: Death, arm: string): Omit<NamedScenario, "name"> {
  const { about, rest, options = ALONE, bytes = 16000 } = death;
  return { about, options, text: `model/${bytes}${arm}/${rest}` };
}

export const DEATH_SCENARIOS: readonly NamedScenario[] = [
  ...SINGLE.map((death) => ({ name: death.name, ...scenario(death, "") })),
  ...DEATHS.flatMap((death) =>
    DEFER_ARMS.map((arm) => {
      const { about, ...rest } = scenario(death, `/${arm}`);
      return { name: `${death.name}-${arm}`, about: `${about} (${arm})`, ...rest };
    }),
  ),
];
