/** Grace periods: readers, and what waits for them. */
import { NMI_ONCE, type NamedScenario, PAIR, PAIR_ONCE, scenario } from "./budgets.js";

export const READERS: readonly NamedScenario[] = [
  scenario(
    "rcu",
    "objects wait for a grace period while the other CPU allocates and drains",
    "irq-work/setup:c0c1c2c3/task:r0c4p/task:r1x2p",
    PAIR,
  ),
  scenario(
    "rcu-nmi",
    "an NMI before every access of kfree_rcu() and its barrier",
    "irq-work/setup:c0c1c2c3/task:r0r2pwWr1.rcu_read_lock_held./nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "rcu-reader-nmi",
    "an NMI before every access of a reader, and of what waits for it",
    "irq-work/setup:c0c1c2c3/task:iir0oc4oWr2p/nmi:C5X5",
    NMI_ONCE,
  ),
  scenario(
    "rcu-reader",
    "a reader on the other CPU keeps what was freed before it left",
    "irq-work/setup:c0c1c2c3/task:r0pc4p/task:io",
    PAIR,
  ),
  scenario(
    "rcu-readers",
    "both CPUs read, free and wait",
    "irq-work/setup:c0c1/task:ir0opc2/task:ir1oW",
    PAIR_ONCE,
  ),
  scenario(
    "rcu-synchronize",
    "synchronize_rcu() returns when the readers of before have left",
    "irq-work/setup:c0c1c2/task:wx0/task:io",
    PAIR,
  ),
  scenario(
    "rcu-synchronize-sleeps",
    "who waits for a reader for long sleeps, an NMI before every access",
    "irq-work/sleepy/timeouts/setup:c0/setup1:i/task:w/task:o/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "rcu-barrier-nmi",
    "rcu_barrier() waits for a reader, an NMI before every access",
    "irq-work/setup:c0/setup1:i/task:r0W/task:o/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "rcu-no-page",
    "without a page to note it in, kfree_rcu() waits itself, or says no to a reader",
    "irq-work/pages0/setup:c0/task:ir0or0/nmi:C4X4",
    NMI_ONCE,
    64,
  ),
  scenario(
    "rcu-offline",
    "a CPU that goes offline leaves its queue to the others",
    "irq-work/setup:c0c1/setup1:c2c3/task:pW/task:r2r3h",
    PAIR_ONCE,
  ),
  scenario(
    "rcu-offline-nmi",
    "a CPU goes offline while a reader keeps what it queued, an NMI before every access",
    "irq-work/setup:c0/setup1:i/task:r0phH/task:o/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "typesafe",
    "an NMI before every access of slabs that wait for readers",
    "irq-work/typesafe/part0/task:c0c1ic2ox0x1x2Wp/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "typesafe-pair",
    "slabs become empty while the other CPU reads",
    "irq-work/typesafe/part0/setup:c0c1c2/task:x0x1c3/task:ix2op",
    PAIR_ONCE,
  ),
];
