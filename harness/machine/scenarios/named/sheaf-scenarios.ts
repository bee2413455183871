/** Sheaves of two objects, and barns that keep one: exchanges, refills and flushes are near. */
import { NMI_ONCE, type NamedScenario, PAIR_ANYWHERE, PAIR_ONCE, scenario } from "./budgets.js";

const DEATH = { bound: 1, deaths: 1, learns: false } as const;
const EIGHT = "setup:c0c1c2c3c4c5c6c7";

/** A prefilled sheaf in slot 9, which has room for two. */
const PREFILL = ".kmem_cache_prefill_sheaf:cache:2.9";
/** The same made to have three objects: another one. */
const REFILL = ".kmem_cache_refill_sheaf:cache:s9:3.9";
const RETURN = ".kmem_cache_return_sheaf:cache:s9.";
/** An object of it, through slot 10. */
const FROM_SHEAF = ".kmem_cache_alloc_from_sheaf:cache:0:s9.10.kmem_cache_free:cache:s10.";

export const SHEAVES: readonly NamedScenario[] = [
  scenario(
    "sheaf-nmi",
    "an NMI before every access of refills, pops and pushes, which pops and pushes itself",
    "irq-work/sheaf2/task:c0c1c2x0x1x2/nmi:C3X3",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-exchange",
    "the same where sheaves change places, go to the barn, and are flushed",
    "irq-work/sheaf2/barn1/setup:c0c1c2c3c4c5c6/task:x0x1x2x3x4c7/nmi:X5C8X6",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-calls",
    "an NMI in bulk calls, in a shrink, and while the cache is destroyed",
    "irq-work/sheaf2/barn1/task:c0c1c2c3c4x0x1x2x3x4B5U5sd/nmi:K20F20",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-offline",
    "an NMI while a CPU leaves, which gives back what it has",
    "irq-work/sheaf2/barn1/setup:c0c1c2c3c4c5c6c7/task:x0x1x2x3x4x5x6x7hHc8/nmi:K20F20",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-memory",
    "an NMI while sheaves are flushed, because memory is out",
    "irq-work/sheaf2/barn2/kib640/setup:c0c1c2c3c4c5x0x1x2x3x4x5/task:l8l9l10l11/nmi:C20X20",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-empties",
    "an NMI while a CPU takes empty sheaves of a barn that another filled",
    `irq-work/sheaf2/barn2/${EIGHT}x0x1x2x3x4x5x6x7c0c1c2c3c4c5c6` +
      "/task1:x0x1x2x3x4c8c9c10s/nmi:K20F20",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-last-page",
    "an NMI while all sheaves are flushed, because no page is left",
    "irq-work/sheaf2/barn2/pages0/setup:c0c1c2c3c4c5x0x1x2x3x4x5/task:l8c8/nmi:K20F20",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-create",
    "an NMI from the creation of a cache that gets sheaves to its end",
    "irq-work/sheaf2/task:.kmem_cache_create:two:16000:0:0:0.9.kmem_cache_alloc:s9:0.10." +
      "kmem_cache_free:s9:s10..kmem_cache_destroy:s9./nmi:C5X5",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-nmi-nodes",
    "an NMI with two nodes, of which sheaves hold the nearer one's objects; checked frees",
    "irq-work/sheaf2/nodes2/mib8/task:n0n1n2c3k4N5j0f1f2x3f4F5/nmi:N6F6",
    NMI_ONCE,
    4096,
  ),
  scenario(
    "sheaf-nmi-kmalloc",
    "an NMI in kmalloc() and kfree() that allocates: the sheaf, its slab, the next bucket",
    "irq-work/sheaf2/barn1/task:k0k1f0k2k3f1f2f3/nmi:K4K5K6F4F5F6",
    NMI_ONCE,
    64,
  ),
  scenario(
    "sheaf-nmi-prefill",
    "an NMI while a sheaf is prefilled, allocated from, changed for a larger one, returned",
    `irq-work/sheaf2/barn1/task:${PREFILL}${FROM_SHEAF}${PREFILL}${REFILL}${FROM_SHEAF}${RETURN}` +
      `${PREFILL}hHc8/nmi:C5X5`,
    NMI_ONCE,
  ),
  scenario(
    "sheaf-prefill",
    "two CPUs prefill and return sheaves through one barn",
    `irq-work/sheaf2/barn1/setup:c0c1c2c3/setup1:x0x1x2x3/task:${PREFILL}${RETURN}c0` +
      "/task:.kmem_cache_prefill_sheaf:cache:1.5.kmem_cache_return_sheaf:cache:s5.",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-barn",
    "two CPUs give full sheaves to one barn, which has room for one",
    "irq-work/sheaf1/barn1/setup:c0c1c2c3c4c5/task:x0x1x2/task:x3x4x5",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-handover",
    "one CPU takes full sheaves from the barn that another gives some",
    "irq-work/sheaf1/barn2/setup:c0c1c2c3c4c5/setup:x0x1x2/task:c0c1c2/task:x3x4",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-anywhere",
    "two CPUs exchange and flush, with a switch before any access whatever",
    `irq-work/sheaf2/barn1/${EIGHT}/task:x0x1x2x3c8/task:x4x5x6x7c9`,
    PAIR_ANYWHERE,
  ),
  scenario(
    "sheaf-bulk",
    "two CPUs free and allocate many at once, in blocks, through one barn",
    `irq-work/sheaf2/barn1/setup:B0B3B6/setup1:B9/task:U0U3B0/task:U9B9U6`,
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-shrink",
    "one CPU shrinks the cache while another fills and empties its sheaves",
    "irq-work/sheaf1/barn1/setup:c0c1c2c3c4c5/task:x0x1x2c8/task:x4s",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-nmi-stack",
    "an NMI while full sheaves pile up below main, up to the bound, and come up again",
    `irq-work/sheaf2/stack2/barn1/${EIGHT}/task:x0x1x2x3x4x5x6x7c0c1c2c3c4c5c6/nmi:C8X8`,
    NMI_ONCE,
  ),
  scenario(
    "sheaf-stack",
    "two CPUs pile up full sheaves, and give the barn what is beyond their bound",
    "irq-work/sheaf1/stack2/barn1/setup:c0c1c2c3/setup1:c4c5c6c7/task:x0x1x2x3c0/task:x4x5x6x7c4",
    PAIR_ONCE,
  ),
  scenario(
    "death-sheaf-stack",
    "dies anywhere while full sheaves pile up below main, and come up again",
    `irq-work/sheaf2/stack2/barn1/${EIGHT}/task:x0x1x2x3x4x5x6x7c8c9c10c11c12/task:D0`,
    DEATH,
  ),
  scenario(
    "death-sheaf-stack-reaper",
    "a CPU dies with a stack of sheaves, and then whoever recovers it, anywhere",
    "irq-work/sheaf1/stack2/barn1/cpus3/setup:c0c1x0/task:x1/task1:D0/task2:D0D1",
    { bound: 0, deaths: 2 },
  ),
  scenario(
    "death-sheaf-asked",
    "dies anywhere in a free and a refill that first flush what another CPU asked for",
    "irq-work/sheaf1/barn1/setup:c0c1c2c3c4c5c6x0x1/setup1:sx2x3x4/task:x5x6c7c8/task1:D0",
    DEATH,
  ),
  scenario(
    "death-sheaf-flushes",
    "dies anywhere in frees that flush a full sheaf, because the barn has no room",
    "irq-work/sheaf1/barn1/setup:c0c1c2c3c4c5x0x1x2/task:x3x4c6/task1:D0",
    DEATH,
  ),
  scenario(
    "death-sheaf-frees",
    "dies anywhere in frees that exchange and flush, then in a refill",
    `irq-work/sheaf2/barn1/${EIGHT}/task:x0x1x2x3x4c8c9/task:D0`,
    DEATH,
  ),
  scenario(
    "death-sheaf-bulk",
    "dies anywhere in bulk calls that exchange, and go on in the slabs",
    "irq-work/sheaf2/barn1/setup:B0B3B6/task:U0U3B0B3U6/task:D0",
    DEATH,
  ),
  scenario(
    "death-sheaf-prefill",
    "dies anywhere with a prefilled sheaf out, or on its way",
    `irq-work/sheaf2/barn1/setup:c0c1c2c3x0x1x2x3/task:${PREFILL}${REFILL}${RETURN}${PREFILL}h` +
      "/task:D0",
    DEATH,
  ),
  scenario(
    "death-sheaf-first",
    "dies anywhere in its first refill",
    "irq-work/sheaf2/barn1/task:c0c1c2x0x1/task:D0",
    DEATH,
  ),
  scenario(
    "death-sheaf-offline",
    "dies anywhere while it leaves and gives all sheaves back",
    `irq-work/sheaf2/barn1/${EIGHT}/task:x0x1x2x3x4x5x6x7h/task:D0`,
    DEATH,
  ),
  scenario(
    "death-sheaf-barn",
    "dies with sheaves and the barn's lock while another CPU wants it",
    `irq-work/sheaf2/barn1/${EIGHT}/setup1:x0x1x2x3/task:x4x5x6x7c8/task1:c9c10c11D0`,
    { bound: 1, deaths: 1 },
  ),
  scenario(
    "sheaf-rcu-nmi",
    "an NMI before every access of kfree_rcu() to a sheaf, of its period's end, of a barrier",
    `irq-work/sheaf2/barn1/${EIGHT}/task:r0r1r2pr3r4r5r6W/nmi:C8X8`,
    NMI_ONCE,
  ),
  scenario(
    "sheaf-rcu-nmi-offline",
    "an NMI while a CPU leaves the heap what a reader still may see",
    "irq-work/sheaf2/barn1/setup:c0c1c2/setup1:i/task:r0r1r2hH/task:o/nmi:C4X4",
    NMI_ONCE,
  ),
  scenario(
    "sheaf-rcu-reader",
    "a reader on the other CPU never sees what it found used again",
    "irq-work/sheaf2/barn1/setup:c0c1c2c3/task:r0r1pc4c5/task:io",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-rcu-pair",
    "both CPUs fill sheaves, read, and wait for all of them",
    "irq-work/sheaf2/barn1/setup:c0c1c2/setup1:c4c5/task:ir0or1W/task:r4r5W",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-rcu-barrier",
    "a barrier takes the sheaf that another CPU is filling",
    "irq-work/sheaf2/barn1/setup:c0c1c2c3/task:r0r1r2/task:W",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-rcu-offline",
    "a CPU leaves its sheaves to the others, one of which waits for all of them",
    "irq-work/sheaf2/barn1/setup:c0c1/setup1:c2c3c4/task:r0pW/task:r2r3r4h",
    PAIR_ONCE,
  ),
  scenario(
    "sheaf-rcu-memory",
    "an NMI while what has waited is taken, because memory is out",
    "irq-work/sheaf2/barn2/pages0/setup:c0c1c2c3r0r1r2/task:l8c8sW/nmi:K20F20",
    NMI_ONCE,
  ),
  scenario(
    "death-sheaf-rcu",
    "dies anywhere in kfree_rcu() to sheaves, in what its period's end does, in a barrier",
    `irq-work/sheaf2/barn1/${EIGHT}/task:r0r1r2pr3r4r5W/task:D0`,
    DEATH,
  ),
  scenario(
    "death-sheaf-rcu-barrier",
    "dies in a barrier, among what another CPU put into sheaves",
    "irq-work/sheaf2/barn1/cpus3/setup:c0c1c2/setup1:c4c5c6r4/task:r0W/task1:r5r6/task2:D0c7",
    { bound: 0, deaths: 1 },
  ),
  scenario(
    "death-sheaf-rcu-offline",
    "dies while it leaves the heap what a reader still may see",
    "irq-work/sheaf2/barn1/setup:c0c1c2/setup1:i/task:r0r1r2h/task1:D0oW",
    DEATH,
  ),
  scenario(
    "death-sheaf-rcu-reaper",
    "a CPU dies with sheaves that wait, and then whoever recovers it, anywhere",
    "irq-work/sheaf2/barn1/cpus3/setup:c0c1c2r0r1/task:r2/task1:D0/task2:D0D1W",
    { bound: 0, deaths: 2 },
  ),
];
