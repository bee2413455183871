/**
 * What the machine explores to hunt a mutant, cheapest first: heaps and programs that have the
 * shapes of defects, a few hundred to a few ten thousand schedules each.
 *
 * Objects of 16000 bytes lie two in a slab, of 8000 bytes four. `setup` is on CPU 0.
 */
import type { ExploreOptions } from "../explore.js";

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
/** Two CPUs, every schedule with one or two preemptions. */
// const ONCE: Partial<ExploreOptions> = { bound: 1 };
const TWICE: Partial<ExploreOptions> = { bound: 2 };
/** The task is moved once to another CPU, before any access. */
const MOVED: Partial<ExploreOptions> = { bound: 1, migrations: 1 };

export const SHAPES: readonly Shape[] = [
  {
    name: "pop-aba",
    about: "an NMI pops two objects and pushes the first, in the middle of a pop and a push",
    text: "model/8000/irq-work/setup:c0c1x1/task:c2c3x2/nmi:C4C5X4",
    options: NMI,
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
    name: "kmalloc-nmi",
    about:
      "the inlined pop and push of kmalloc() and kfree(), with an NMI between any two accesses",
    text: "model/4096/irq-work/setup:k0k1f1/task:k2f2k3f0/nmi:K7K8",
    options: NMI,
  },
  {
    name: "moved",
    about: "a task is moved to another CPU in the middle of a pop or a push",
    text: "model/64/irq-work/cpus2/setup:k0k1/task:k2f2",
    options: MOVED,
  },
  {
    name: "remote-free",
    about: "two CPUs free objects of each other's full and partial slabs",
    text: "model/16000/irq-work/setup:c0c1c2c3c4c5/task:x0c6x2/task:x1x3c7",
    options: TWICE,
  },
];
