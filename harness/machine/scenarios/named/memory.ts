/** Pages: the last of them, growth, whole pages and runs, nodes, and failures on purpose. */
import { NMI_ONCE, NMI_TWICE, type NamedScenario, PAIR, PAIR_ONCE, scenario } from "./budgets.js";

/** The n-th allocation fails, for each n that the program has. */
const NTH = [1, 2, 3, 4, 5, 6] as const;

export const MEMORY: readonly NamedScenario[] = [
  scenario(
    "large",
    "whole pages come and go on both CPUs, from the same buddies",
    "irq-work/pages20/setup:l0l1/task:l3f0/task:f1l4",
    PAIR,
  ),
  scenario(
    "large-nmi",
    "an NMI before every access of whole pages, cleared ones too",
    "irq-work/setup:l0/task:l1.kzalloc:9000.2f0.kfree:s2./nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "large-freed-late",
    "NMIs free whole pages while the zone is locked; the next free takes them in",
    "irq-work/setup:g0g4/task:g1f0/nmi:f4",
    NMI_TWICE,
  ),
  scenario(
    "large-found-late",
    "what an NMI freed while the zone was locked is found by who needs it",
    "irq-work/pages100/setup:g4g5g6g7/task:g1/nmi:f4",
    NMI_TWICE,
  ),
  scenario(
    "out-of-memory",
    "the last pages are gone while both CPUs want a slab",
    "irq-work/pages8/setup:c0c1/task:c2x0/task:c3x1",
    PAIR,
  ),
  scenario(
    "out-of-memory-nmi",
    "an NMI before every access of a CPU that finds no page, looks everywhere, and gives up",
    "irq-work/pages1/cpus2/setup:c0c1/task:c2C3pl4x0c5/nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "out-of-memory-bounded",
    "a CPU that may not sleep looks for the last pages, an NMI before every access",
    "irq-work/pages8/bounded/task:c0l1l2c3x0/nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "grow",
    "an NMI before every access while the memory grows",
    "irq-work/start1/pages4/task:l0c1c2C3x1/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "grow-asked",
    "an NMI found no page: the next ordinary call grows the memory",
    "irq-work/start1/pages0/task:C0pc1x1/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "grow-refused",
    "the memory does not grow, although its heap may",
    "irq-work/start1/limit1/pages1/task:l0c1p/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "grow-hole",
    "another module has grown the memory for itself",
    "irq-work/start1/hole/pages1/task:l0f0/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "grow-pair",
    "both CPUs find the memory too small",
    "irq-work/start1/pages0/task:c0x0/task:c1",
    PAIR_ONCE,
  ),
  scenario(
    "grow-run",
    "the memory grows for more than its largest block, and cannot for more than there is",
    "irq-work/mib16/start4/task:.kmalloc:4200000:0.0.kfree:s0..kmalloc:90000000:0./nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "runs",
    "an NMI before every access of runs of blocks, of both nodes",
    "irq-work/mib16/nodes2/task:m0f0/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "runs-pair",
    "both CPUs want runs of blocks",
    "irq-work/mib16/task:m0f0/task:m1f1",
    PAIR_ONCE,
  ),
  scenario(
    "runs-freed-late",
    "NMIs free a run of blocks while the zone is locked",
    "irq-work/mib16/setup:m4g0/task:f0/nmi:f4",
    NMI_TWICE,
  ),
  scenario(
    "nodes",
    "an NMI before every access with two nodes: one preferred, none preferred",
    "irq-work/nodes2/mib8/task:n0n1n2c3k4N5f0f1f2x3f4F5/nmi:N6F6",
    NMI_ONCE,
    4096,
  ),
  scenario(
    "nodes-partial",
    "an NMI before every access of partial slabs that another node has",
    "irq-work/nodes2/mib8/part0/min0/setup:n0n1n2n3n4n5f0f2f4/task:c6k7n8k9f1f3/nmi:N10F10",
    NMI_ONCE,
    4096,
  ),
  scenario(
    "nodes-last-look",
    "no page is left, but another node's only partial slab",
    "irq-work/nodes2/mib8/min5/part0/pages8/setup1:c0c1/setup:x0/task1:c2x2/nmi:C3X3",
    NMI_ONCE,
  ),
  scenario(
    "nodes-pair",
    "CPUs of two nodes free each other's objects",
    "irq-work/nodes2/mib8/setup:c0c1c2c3/setup1:c4c5/task:x4x0c6/task:x1x5c7",
    PAIR_ONCE,
  ),
  scenario(
    "enough-for-a-wish",
    "who could not look into the zone wishes for no growth: its bits are moved one by one",
    "irq-work/start1/pages64/enough/task:g0f0/task:C1p",
    PAIR,
  ),
  scenario(
    "enough-while-sorted",
    "a list of partial slabs that is being sorted is not empty",
    "irq-work/part0/pages16/enough/setup:c0c1c2c3x0/task:s/task:c4",
    PAIR,
  ),
  scenario(
    "enough-on-lists",
    "pages that a CPU's list took while others were gathered are not gone",
    "irq-work/pages8/enough/setup:l4l5l6l7l8l9f4f5/task1:l1/task0:l2",
    PAIR,
  ),
  scenario(
    "enough-on-lists-bounded",
    "the same for CPUs that may not sleep",
    "irq-work/pages8/bounded/enough/setup:l4l5l6l7l8l9f4f5/task1:l1/task0:l2",
    PAIR,
  ),
  scenario(
    "enough-in-a-group",
    "a charge that does not fit makes no other one fail",
    "irq-work/enough/setup:.memcg_create:grp:3.9.memcg_set:s9:1./setup1:.memcg_set:s9:1." +
      "/task:.kmalloc:9000:2.10/task:a1",
    PAIR,
    2048,
  ),
  ...NTH.map((nth) =>
    scenario(
      `fail-nth-${nth}`,
      `allocation ${nth} of the task fails, whatever it is for`,
      `irq-work/fail${nth}/task:c0c1l2c3k4x0x1x3/nmi:C5X5`,
      NMI_ONCE,
    ),
  ),
  ...NTH.slice(0, 3).map((nth) =>
    scenario(
      `fail-nth-${nth}-pair`,
      `allocation ${nth} of each CPU fails while they free each other's objects`,
      `irq-work/fail${nth}/setup:c0c1c2/task:x0c3c4/task:x1c5x2`,
      PAIR_ONCE,
    ),
  ),
  scenario(
    "fail-often",
    "every second allocation fails, an NMI before every access",
    "irq-work/fail0/task:c0c1l3c2x0x1x2.set_failslab:base:0:0:5./nmi:C5X5",
    NMI_ONCE,
  ),
];
