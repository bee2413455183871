/** What is run for every arm of deferral. */
import { DEFER_ARMS, type DeferArm, KIND_ARMS, MERGED_ARM } from "../../../heap/arms.js";
import type { ExploreOptions } from "../../explore.js";
import {
  NMI_ONCE,
  NMI_TWICE,
  type NamedScenario,
  PAIR,
  PAIR_WITH_NMI,
  RANDOM,
  scenario,
} from "./budgets.js";

interface Shape {
  readonly name: string;
  readonly about: string;
  /** The scenario behind the arm. */
  readonly rest: string;
  readonly options: Partial<ExploreOptions>;
  readonly bytes?: number;
  /** Else every arm. */
  readonly arms?: readonly DeferArm[];
}

/** Without a deferral in it every arm does the same. */
const ONE = [MERGED_ARM];

const SHAPES: readonly Shape[] = [
  {
    name: "nmi-slabs",
    about: "NMI before every access, from the first slab to the last given back",
    rest: "task:c0c1c2x0x1x2/nmi:C3X3",
    options: NMI_ONCE,
    arms: ONE,
  },
  {
    name: "nmi-frees",
    about: "an NMI frees objects of full slabs in the middle of frees and refills",
    rest: "setup:c0c1c2c3c4c5/task:x0c6X1x2c7p/nmi:X3C8",
    options: NMI_ONCE,
  },
  {
    name: "nmi-deferred",
    about: "an NMI before every access of nolock frees, and of what drains them",
    rest: "setup:c0c1c2c3c4c5/task:X0X2x1X3c6pb/nmi:C7X4X7",
    options: NMI_ONCE,
  },
  {
    name: "nmi-kmalloc",
    about: "the same for kmalloc, whose nolock twin goes on to the next bucket",
    rest: "setup:k0k1k2k3k4/task:k5f0K6F1f2p/nmi:K7F3",
    options: NMI_ONCE,
    bytes: 4096,
    arms: ONE,
  },
  {
    name: "nmi-aba",
    about: "an NMI pops two objects and pushes the first: the head is what it was, the next is not",
    rest: "setup:c0c1x1/task:c2c3x2/nmi:C4C5X4",
    options: NMI_ONCE,
    bytes: 8000,
    arms: ONE,
  },
  {
    name: "nmi-nested",
    about: "two NMIs, one in the other or one after the other",
    rest: "setup:c0c1c2/task:c3x0/nmi:C4X4",
    options: NMI_TWICE,
    arms: KIND_ARMS,
  },
  {
    name: "remote-free",
    about: "both CPUs free objects of each other's full and partial slabs",
    rest: "setup:c0c1c2c3c4c5/task:x0c6x2/task:x1x3c7",
    options: PAIR,
    arms: ONE,
  },
  {
    name: "one-slab",
    about: "both CPUs free the objects of one full slab: one lister, one that discards",
    rest: "part0/setup:c0c1c2c3c4/task:x0x2/task:x1x3",
    options: PAIR,
    arms: ONE,
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
    arms: ONE,
  },
  {
    name: "shrink",
    about: "one CPU shrinks the cache that another allocates from",
    rest: "part0/min2/setup:c0c1c2c3x0x1/task:sx2/task:c4c5x4",
    options: PAIR,
    arms: ONE,
  },
  {
    name: "pair-nmi",
    about: "two CPUs, an NMI on each",
    rest: "setup:c0c1c2/setup1:c5/task:x0/task:X1/nmi:C8X8",
    options: PAIR_WITH_NMI,
  },
  {
    name: "destroy",
    about: "a cache is destroyed while another CPU frees what was deferred of it",
    rest: "setup:c0c1c2c3x2X0X1x3/task:d/task:b",
    options: PAIR,
  },
  {
    name: "three-cpus",
    about: "three CPUs at random, with a probability to have missed a bug of depth 3",
    rest: "setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7/task:c8x3X8",
    options: RANDOM,
    arms: KIND_ARMS,
  },
];

export const DEFERRAL: readonly NamedScenario[] = SHAPES.flatMap(
  ({ name, about, rest, options, bytes, arms = DEFER_ARMS }) =>
    arms.map((arm) =>
      scenario(`${name}-${arm}`, `${about} (${arm})`, `${arm}/${rest}`, options, bytes),
    ),
);
