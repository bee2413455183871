/** Caches, CPUs and heaps come and go. */
import {
  NMI_ONCE,
  type NamedScenario,
  PAIR,
  PAIR_ANYWHERE,
  PAIR_ONCE,
  scenario,
} from "./budgets.js";

const NEW = ".kmem_cache_create:two:16000:0:0:0.9";
const OF_NEW = ".kmem_cache_alloc:s9:0.10.kmem_cache_free:s9:s10.";

export const CACHES: readonly NamedScenario[] = [
  scenario(
    "create",
    "an NMI before every access from a cache's creation to its end",
    `irq-work/task:${NEW}.kmem_cache_open:two.8${OF_NEW}.kmem_cache_destroy:s9./nmi:C5X5`,
    NMI_ONCE,
  ),
  scenario(
    "create-random",
    "the same with shuffled freelists",
    `irq-work/random/task:${NEW}.kmem_cache_destroy:s9./nmi:C5X5`,
    NMI_ONCE,
  ),
  scenario(
    "create-kinds",
    "an NMI before every access of the creation of caches of several kinds, and of refusals",
    "irq-work/task:.kmem_cache_create:two:24:64:9:0.9.kmem_cache_create:own:8:0:0:0." +
      ".kmem_cache_create:grp:100:0:1:1.8/nmi:C5X5",
    NMI_ONCE,
  ),
  scenario(
    "create-pair",
    "two CPUs create a cache of one name",
    "irq-work/task:.kmem_cache_create:two:64:0:0:0.8/task:.kmem_cache_create:two:64:0:0:0.9",
    PAIR_ONCE,
  ),
  scenario(
    "destroy-nmi",
    "an NMI before every access of the end of a cache whose objects are deferred",
    "irq-work/setup:c0c1c2c3X0X2x1x3/task:d/nmi:k4K5f4F5",
    NMI_ONCE,
  ),
  scenario(
    "destroy-in-use",
    "a cache with an object is not destroyed, and goes on",
    "irq-work/part0/setup:c0c1c2x0/task:.kmem_cache_destroy:cache.x1x2d/nmi:k4f4",
    NMI_ONCE,
  ),
  scenario(
    "destroy-polling",
    "a cache is destroyed while another CPU polls what it deferred of it",
    "irq-work/setup1:c0c1c2c3X0X1/setup:x2x3/task:d/task:p",
    PAIR,
  ),
  scenario(
    "destroy-typesafe",
    "a cache whose slabs wait for readers is destroyed",
    "irq-work/typesafe/setup:c0c1c2x0x1x2/task:d/task:io",
    PAIR_ONCE,
  ),
  scenario(
    "offline-nmi",
    "an NMI before every access of a CPU that goes offline and comes back",
    "irq-work/setup:c0c1c2c3/task:X0x2r1hH/nmi:C5X5",
    NMI_ONCE,
  ),
  scenario(
    "offline-pair",
    "a CPU goes offline, and comes back as another, while its objects are freed",
    "irq-work/cpus3/setup1:c0c1c2c3/task:x0X2b/task:x1h.cpu_attach:base:any:2.",
    PAIR_ONCE,
  ),
  scenario(
    "offline-anywhere",
    "the same, switched away from before every access",
    "irq-work/setup:c9/task:x9/task:c0X0hH",
    PAIR_ANYWHERE,
  ),
  scenario(
    "attach-race",
    "two Workers want to be whichever CPU is free",
    "irq-work/cpus4/setup:c0c1/task:h.cpu_attach:base:any:2.x0/task:h.cpu_attach:base:any:2.x1",
    PAIR_ANYWHERE,
  ),
  scenario(
    "cold-start",
    "two Workers make the heap in a memory without pages, or find it, and allocate at once",
    "irq-work/cold/start0/task:k0/task:k1",
    PAIR_ANYWHERE,
    64,
  ),
  scenario(
    "cold-refused",
    "two Workers make a heap whose tables do not fit: one is told, and the other waits to be",
    "irq-work/task:h.heap_init:1048576:300:1:1:14:2:41:0:1.H/task:h" +
      ".heap_init:1048576:300:1:1:14:2:41:0:1.H",
    PAIR,
  ),
  scenario(
    "heap-too-large",
    "a heap that its memory has no room for is none",
    "irq-work/task:.heap_init:3000000:60000:1:1:14:2:41:0:1.3/nmi:C4X4",
    NMI_ONCE,
  ),
  ...["k1f1", "K1F1", "l1f1", "c1x1", "C1X1", "x0", "f2", "X0", "B4U4", "s", "b", "p", "W"].map(
    (program) =>
      scenario(
        `first-${program}`,
        "the first call of a new CPU, while another allocates and frees",
        `irq-work/part0/setup:c0c3k2/task1:${program}/task0:.kmalloc:70000:0.9x3.kfree:s9.`,
        PAIR_ONCE,
      ),
  ),
];
