/**
 * Defects that the patch really had: version 1, its reviews, and what was fixed after the merge.
 *
 * Where this allocator is built otherwise than the kernel, the edit makes the same mistake in the
 * place that corresponds.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "retry-overruns-8192",
    origin: "version 1 of the patch",
    what: "the bound is not looked at before the retry, so that 8192 bytes ask for bucket 8193",
    file: "kmalloc/nolock.ts",
    find: "    if (larger > KMALLOC_MAX_CACHE_SIZE) return refuse(cache);\n",
    replace: "",
    tests: ["nolock-alloc"],
  },
  {
    name: "list-is-unbounded",
    origin: "version 1 of the patch",
    what: "whoever finds the list empty raises nothing: objects wait until a barrier",
    file: "slab/defer.ts",
    find: "  if (header().defer_trigger === DEFER_DRAIN_IRQ_WORK) irq_work_raise(cache, area);\n",
    replace: "",
    tests: ["defer-triggers", "nolock-free"],
  },
  {
    name: "link-at-offset-0",
    origin: "version 1 of the patch",
    what: "a deferred object is linked through its first word, which its constructor wrote",
    file: "slab/defer.ts",
    find: "  const link = object + cache.offset;\n  const place",
    replace: "  const link = object;\n  const place",
  },
  {
    name: "link-spoils-constructed",
    origin: "version 1 of the patch",
    what: "deferral writes into the first word of a constructed object, and nothing else",
    file: "slab/defer.ts",
    find: "  const place = header().defer_place;\n  // List and raise",
    replace: `  const place = header().defer_place;
  if (cache.ctor !== 0) store<u32>(object, 0);
  // List and raise`,
  },
  {
    name: "redo-forgets-nolock",
    origin: "review of the patch",
    what: "a nolock free that is not to the cpu slab goes on as an ordinary one, locks and all",
    file: "slab/nolock_free.ts",
    find: "  defer_free(cache, slab, object);\n}",
    replace: `  const mode = cpu_area().task_mode;
  if (free_to_slab(cache, slab, object, object, 1, mode)) return;
  defer_free(cache, slab, object);
}`,
    tests: ["defer-locks", "nolock-free"],
  },
  {
    name: "deactivate-in-nolock",
    origin: "version 1 of the patch",
    what: "a nolock allocation that replaces a cpu slab puts it away itself, waiting for list_lock",
    file: "slab/refill.ts",
    find: `    if (mode === LOCK_TRY) defer_slab(cache, changetype<Slab>(other));
    else deactivate_and_drain(cache, changetype<Slab>(other), mode);`,
    replace: "    deactivate_and_drain(cache, changetype<Slab>(other), cpu_area().task_mode);",
    tests: ["nolock-race", "slab-deactivate"],
  },
  {
    name: "list-lock-waits-in-nolock",
    origin: "version 1 of the patch",
    what: "get_partial_node() waits for list_lock whoever calls: its holder may be underneath",
    file: "slab/get_partial.ts",
    find: "  if (!list_lock_to_look(node, mode)) return PARTIAL_MISSED;",
    replace: "  if (!list_lock_to_look(node, cpu_area().task_mode)) return PARTIAL_MISSED;",
    tests: ["nolock-alloc", "lockdep"],
  },
  {
    name: "page-lock-waits-in-nolock",
    origin: "version 1 of the patch",
    what: "the page lists' lock is waited for whoever calls",
    file: "page/pcp.ts",
    find: `  const area = cpu_area();
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, mode)) return false;
  // Asked`,
    replace: `  const area = cpu_area();
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, area.task_mode)) return false;
  // Asked`,
    tests: ["nolock-race", "lockdep", "post-merge-fixes"],
  },
  {
    name: "replaced-slab-leaks",
    origin: "review of the patch",
    what: "a nolock allocation that finds a cpu slab installed meanwhile forgets that one",
    file: "slab/refill.ts",
    find: `    if (mode === LOCK_TRY) defer_slab(cache, changetype<Slab>(other));
    else deactivate`,
    replace: "    if (mode !== LOCK_TRY) deactivate",
    tests: ["nolock-race"],
  },
  {
    name: "destroy-does-not-wait",
    origin: "review of the patch",
    what: "a cache goes although objects of it are still deferred",
    file: "slab/rcu_serve.ts",
    find: "  defer_free_barrier();\n  return done;",
    replace: "  return done;",
    tests: ["slab-cache", "rcu"],
  },
  {
    name: "hardened-null-is-raw",
    origin: "fixed after the merge",
    what: "the link of a drained object is cleared raw: encoded, that is a wild pointer",
    file: "slab/drain.ts",
    find: "  set_freepointer(cache, object, 0);\n  if (!free_to_slab",
    replace: "  store<u32>(link, 0);\n  if (!free_to_slab",
    target: "debug",
    tests: ["post-merge-fixes", "freelist-hardened"],
    why: "free_to_slab() writes the slot before anybody decodes it, but in debug caches",
  },
  {
    name: "link-is-not-cleared",
    origin: "fixed after the merge",
    what: "a drained object keeps its link, which the checks of debug caches follow",
    file: "slab/drain.ts",
    find: "  set_freepointer(cache, object, 0);\n  if (!free_to_slab",
    replace: "  if (!free_to_slab",
  },
  {
    name: "hardened-end-is-raw",
    origin: "fixed after the merge",
    what: "NULL is not encoded where a new slab's freelist ends",
    file: "slab/new_slab.ts",
    find: "  set_freepointer(cache, object, 0);\n  debug_free(cache, object);\n  return first;",
    replace:
      "  store<u32>(object + cache.offset, 0);\n  debug_free(cache, object);\n  return first;",
    target: "hardened",
    tests: ["freelist-hardened"],
  },
  {
    name: "debug-loop-is-endless",
    origin: "fixed after the merge",
    what: "a nolock allocation from a debug cache tries again when it misses list_lock",
    file: "slab/debug_cache_alloc.ts",
    find: "  if (!list_lock_to_look(node, mode)) {\n    discard_slab",
    replace: "  while (!list_lock_to_look(node, mode)) {}\n  if (false) {\n    discard_slab",
    expected: "fuzz",
  },
  {
    name: "debug-defers-fresh-slab",
    origin: "fixed after the merge",
    what: "a never used slab is deferred instead of given back, which leaves it counted and empty",
    file: "slab/debug_cache_alloc.ts",
    find: `    discard_slab(cache, slab, mode);
    stat(cache, FREE_SLAB);
    return 0;
  }
  const object = alloc_one`,
    replace: `    return 0;
  }
  const object = alloc_one`,
    target: "debug",
    tests: ["slab-debug-cache"],
  },
  {
    name: "kprobe-hole",
    origin: "fixed after the merge",
    what: "whether a cache is busy is asked in NMI alone: a probe inside the section gets through",
    file: "slab/nolock.ts",
    find: "export function nolock_busy(cache: KmemCache): bool {\n",
    replace: `import { NMI_MASK, preempt_count } from "../sync/context";
export function nolock_busy(cache: KmemCache): bool {
  if ((preempt_count() & NMI_MASK) === 0) return false;
`,
    target: "trace",
    tests: ["nolock-kprobe"],
  },
  {
    name: "kprobe-hole-free",
    origin: "fixed after the merge",
    what: "kfree_nolock() asks whether its cache is busy in NMI alone",
    file: "slab/nolock_free.ts",
    find: "  const cannot = nolock_busy(cache) || nolock_forbidden();",
    replace: `  const nmi = (cpu_area().preempt_count & 0xf000) !== 0;
  const cannot = (nmi && nolock_busy(cache)) || nolock_forbidden();`,
    target: "trace",
    tests: ["nolock-kprobe"],
  },
  {
    name: "rt-sleeps-where-atomic",
    origin: "fixed after the merge",
    what: "with RT a nolock call in NMI goes on to locks that sleep",
    file: "slab/nolock.ts",
    find: "  return is_rt() && !preemptible();",
    replace: "  return false;",
    tests: ["rt"],
  },
  {
    name: "migrates-between-add-and-raise",
    origin: "fixed after the merge",
    what: "list and raise go to two CPUs where the task is moved in between: the list rots",
    file: "slab/defer.ts",
    find: "DEFER_DRAIN_IRQ_WORK) irq_work_raise(cache, area);",
    replace: "DEFER_DRAIN_IRQ_WORK) irq_work_raise(cache, cpu_area());",
    tests: ["defer-triggers", "defer-counters"],
  },
  {
    name: "charge-without-entry",
    origin: "version 1 of the patch",
    what: "an object is charged, but not whom to: the charge is never undone",
    file: "slab/memcg.ts",
    find: "  if (charged) store<u32>(entry, memcg);\n",
    replace: "",
    tests: ["memcg-charge"],
  },
  {
    name: "trylock-cannot-fail",
    origin: "fixed after the merge",
    what: "a try for a lock that is held succeeds, as spin_trylock() does in kernels for one CPU",
    file: "sync/spinlock.ts",
    find: "    const done = mode !== LOCK_TRY && spin_lock_slow(lock, mode, token);",
    replace: "    const done = mode === LOCK_TRY || spin_lock_slow(lock, mode, token);",
    tests: ["lock", "defer-locks", "nolock-race", "numa"],
  },
  {
    name: "nolock-without-cmpxchg",
    origin: "fixed after the merge",
    what: "nolock allocations are made although the slab's lock may be held underneath",
    file: "slab/nolock.ts",
    find: `return (cache.flags & SLAB_NO_CMPXCHG) !== 0 && (cache.flags & SLAB_DEBUG_FLAGS) === 0;`,
    replace: "  return false;",
    tests: ["no-cmpxchg"],
  },
  {
    name: "nolock-free-is-not-stamped",
    origin: "fixed after the merge",
    what: "kfree_nolock() leaves out what every free does to its object (kernel: init_on_free)",
    file: "kmalloc/nolock.ts",
    find: "  slab_free_hook(cache, slab, p);\n",
    replace: "",
    target: "debug",
    tests: ["memcg-charge", "nolock-free"],
  },
];
