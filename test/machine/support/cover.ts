/**
 * Scenarios that inject at everything between them, found greedily from what each injects at: the
 * cheapest for what is left. One is missing here when the test says so; explore --all tells which.
 */
export const COVER: readonly string[] = [
  ...[
    "attach-race",
    "bulk-checked",
    "bulk-mixed",
    "bulk-nolock",
    "busy-bucket",
    "checked",
    "checked-node",
  ],
  ...["checked-wrong", "cold-refused", "constructor-throws", "contexts", "create"],
  ...["create-kinds", "create-random", "defer-drain-irq-work", "destroy-in-use", "destroy-nmi"],
  ...["fail-often", "grow-asked", "grow-hole", "grow-run", "heap-too-large", "hooked"],
  ...["kzalloc", "large-found-late", "large-nmi", "memcg", "memcg-large", "memcg-life"],
  ...["memcg-rt", "memcg-stock", "migrated-percpu-slow-free", "nmi-deferred-none"],
  ...["nmi-lost-partial", "nmi-lost-race", "nmi-lost-race-locked", "nmi-rest"],
  ...["nmi-shrink-asked", "nocmpxchg-nmi", "nodes", "nodes-last-look", "one-lock"],
  ...["out-of-memory-bounded", "random", "rcu-barrier-nmi", "rcu-nmi", "rcu-offline-nmi"],
  ...["sheaf-nmi", "sheaf-nmi-exchange", "sheaf-nmi-calls", "sheaf-nmi-offline"],
  ...["sheaf-nmi-empties", "sheaf-nmi-last-page", "sheaf-nmi-nodes", "sheaf-nmi-create"],
  ...["sheaf-nmi-kmalloc", "sheaf-nmi-prefill", "sheaf-prefill", "sheaf-bulk"],
  ...["sheaf-nmi-stack", "sheaf-stack"],
  ...["sheaf-nmi-memory", "sheaf-barn", "sheaf-handover", "sheaf-anywhere", "sheaf-shrink"],
  ...["sheaf-rcu-nmi", "sheaf-rcu-nmi-offline", "sheaf-rcu-reader", "sheaf-rcu-memory"],
  ...["rcu-synchronize-sleeps", "realloc", "runs-freed-late", "sleepers-three", "typesafe"],
];

/** Those that take too long for each commit, and how much only they inject at. */
export const LONG = [
  { scenario: "cold-start", function: "assembly/kmalloc/boot/boot", sites: 52 },
  { scenario: "cold-start", function: "assembly/kmalloc/boot/heap_init", sites: 1 },
  { scenario: "cold-start", function: "assembly/kmalloc/boot/cpu_attach", sites: 1 },
  { scenario: "busy-buckets", function: "assembly/kmalloc/nolock/kmalloc_nolock", sites: 4 },
  { scenario: "kept-partials", function: "assembly/slab/kmem_cache_cpu/put_cpu_partial", sites: 1 },
] as const;
