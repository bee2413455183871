/**
 * Scenarios in which tasks die: one ceases before every access of its calls, another reaps its CPU
 * and goes on with the heap. Their memories are small, since who reaps looks at every page.
 */
import { DEFER_ARMS } from "../../heap/constants.js";
import type { ExploreOptions } from "../explore.js";
import type { NamedScenario } from "./named.js";

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

/** Each knows of one death. They begin with a call, so that they look when it has happened. */
const TWO_REAPERS = "task:pE0D0c20/task:pE1D1";
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
    name: "death-two-reapers",
    about: "a CPU dies, and who reaps it; two others reap both at the same time",
    rest: "irq-work/kib448/setup:c0c1/task:x0/task:D0/task:pE0E1D1D0c20/task:pD0",
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
