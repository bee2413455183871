/** Calls beside plain allocation and free: many at once, other sizes, checked, elsewhere. */
import {
  NMI_IN_NMI,
  NMI_ONCE,
  NMI_NESTED,
  type NamedScenario,
  PAIR,
  PAIR_ONCE,
  RANDOM_WITH_NMI,
  scenario,
} from "./budgets.js";

const GROUP = ".memcg_create:grp:99.9.memcg_set:s9:1.";
/** A slab of 4096 bytes' objects and one of 8192 bytes', both full. */
const FULL = "k0k1k2k3k4k5k6k7";
const CHARGED = "a0a1a2a3a4a5a6";
const LARGER = ".kmalloc:8000:0.20.kmalloc:8000:0.21.kmalloc:8000:0.22.kmalloc:8000:0.23";

export const CALLS: readonly NamedScenario[] = [
  scenario(
    "kmalloc-nolock",
    "an NMI before every access of kmalloc_nolock() and kfree_nolock()",
    "irq-work/task:k0K1K2F0F1f2.kmalloc_nolock:0:0:any..kmalloc_nolock:8193:0:any./nmi:K3F3",
    NMI_ONCE,
    8192,
  ),
  scenario(
    "kzalloc",
    "an NMI before every access of allocations that are cleared",
    "irq-work/task:z0f0z1q2.kmalloc_nolock:2048:1:any.3f1F2.kfree:s3./nmi:K4F4",
    NMI_ONCE,
    2048,
  ),
  scenario(
    "realloc",
    "an NMI before every access of krealloc(), ksize() and aligned_alloc()",
    "irq-work/task:k0u0v0y1f1u0.krealloc:0:64:0.2.krealloc:s2:0:0./nmi:K3F3",
    NMI_ONCE,
    64,
  ),
  scenario(
    "realloc-pair",
    "both CPUs move objects to larger buckets, and free each other's",
    "irq-work/setup:k0k1/task:u0f0/task:u1k2f2",
    PAIR,
    64,
  ),
  scenario(
    "bulk",
    "an NMI before every access of bulk calls",
    "irq-work/task:B0c3U0x3/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "bulk-mixed",
    "an NMI before every access of a bulk free of several slabs and of whole pages",
    "irq-work/setup:c0c1c2c3c4l6/task:c5x3U4U0.kmalloc_bulk:64:0:3:1024.8" +
      ".kfree_bulk:3:1024./nmi:C7X7",
    NMI_ONCE,
  ),
  scenario(
    "bulk-nolock",
    "bulk calls where nobody may wait, an NMI before every access",
    "irq-work/setup:c0c1c2c3/task:.preempt_disable.B4U0U4.preempt_enable./nmi:C7X7",
    NMI_ONCE,
  ),
  scenario(
    "bulk-pair",
    "a bulk free on one CPU and single ones on the other end in the same slabs",
    "irq-work/setup:c0c1c2c3c4c5/task:U0x4/task:x3B6",
    PAIR_ONCE,
  ),
  scenario(
    "bulk-raced",
    "a bulk free, a free of the other CPU in the same slab, and an NMI that frees on either",
    "irq-work/setup:c0c1c2c3c4/task:U0/task:x3/nmi:X4",
    RANDOM_WITH_NMI,
  ),
  scenario(
    "bulk-checked",
    "an NMI before every access of a checked bulk free of two slabs, the cpu slab among them",
    "irq-work/setup:c0c1c2c3/task:V1B4V4/nmi:C7X7",
    NMI_ONCE,
  ),
  scenario(
    "bulk-checked-raced",
    "a checked bulk free, a free of the other CPU in the same slab, and an NMI that frees",
    "irq-work/setup:c0c1c2c3c4/task:V0/task:x3/nmi:X4",
    RANDOM_WITH_NMI,
  ),
  scenario(
    "bulk-fails",
    "a bulk allocation that runs out of memory gives all back",
    "irq-work/pages8/task:B0U0c3x3/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "checked",
    "an NMI before every access of checked frees, of right objects",
    "irq-work/setup:c0c1c2c3l4/task:r3j0J1c5j5j4J2.check_object:s3." +
      ".kmem_cache_free_checked:cache:s8./nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "checked-wrong",
    "an NMI before every access of checked frees of what is no object",
    "irq-work/setup:c0k1/task:.kfree_checked:5..kmem_cache_free_checked:cache:4096..check_object:" +
      "s0..kmem_cache_free_checked:own:s0..kmem_cache_free_checked:own:s1./nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "checked-pair",
    "one CPU asks about an object that the other is freeing",
    "irq-work/part0/setup:c0c1c2/task:x0/task:.check_object:s0..kfree_checked:5.",
    PAIR,
  ),
  scenario(
    "contexts",
    "an NMI before every access of what enters and leaves contexts",
    "irq-work/setup:c0c1c2c3/task:.preempt_disable.X0.set_preempt_count:0..irq_enter.X1" +
      ".irq_exit./nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "preempt-disabled",
    "ordinary calls in a task that must not wait",
    "irq-work/setup:c0c1c2c3/task:.preempt_disable.x0c4k6f6.preempt_enable./task:x1c5",
    PAIR_ONCE,
  ),
  scenario(
    "checked-node",
    "checked frees where what is deferred waits for its node",
    "node/setup:c0c1c2c3/task:X1j0j2/nmi:C6X6",
    NMI_ONCE,
  ),
  scenario(
    "busy-bucket",
    "NMIs in the section of a bucket go on to the next, one whose section is free",
    `irq-work/setup:${GROUP}${CHARGED}.kmalloc:8000:2.20/setup1:f0f1f2f3/task:a8/nmi:A10`,
    NMI_NESTED,
    4096,
  ),
  scenario(
    "busy-buckets",
    "three NMIs, each in the one before: in the sections of both buckets they get nothing",
    `irq-work/fail99/setup:${FULL}${LARGER}/setup1:f0f1f2f3.kfree:s20..kfree:s21.` +
      ".kfree:s22./task:K8/nmi:K9",
    NMI_IN_NMI,
    4096,
  ),
  scenario(
    "rt-kmalloc-nolock",
    "kmalloc_nolock() where local locks have owners",
    "irq-work/rt/task:K0F0/nmi:K1",
    NMI_ONCE,
    64,
  ),
  scenario(
    "hooked",
    "the same cache in NMIs where every call asks something first",
    "irq-work/fail99/part3/setup:c0c1c2c3c4c5c6c7x0x2x4/task:c8/nmi:C9X7",
    NMI_NESTED,
  ),
  scenario(
    "busy-last-bucket",
    "NMIs in the section of the last bucket get nothing",
    "irq-work/setup:k0k1k2k3/setup1:f0f1f2/task:k4/nmi:K5",
    NMI_NESTED,
    8192,
  ),
  ...(["irq-work", "percpu-slow-free"] as const).map((arm) =>
    scenario(
      `migrated-${arm}`,
      "a task is moved between a deferral and its list",
      `${arm}/cpus2/setup:c0c1c2c3/task:.migrate_next_defer:1.X0.migrate_next_defer:0.X1pb` +
        "/nmi:C4X4",
      NMI_ONCE,
    ),
  ),
];
