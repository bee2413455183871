/**
 * Sections: looks that are not repeated once a lock is held, tries that are taken for locks, locks
 * that are left out, and contexts that are not left or entered.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "no-recheck-of-cpu-slab",
    origin: "ours",
    what: "the cpu slab is not looked at again inside the section: a freed one may be refilled",
    file: "slab/refill.ts",
    find: `  if (cpu_slab(c) !== slab) {
    unlock_cpu_slab(c);
    return LOOK_AGAIN;
  }
`,
    replace: "",
    expected: "machine",
    shapes: ["nmi-frees"],
  },
  {
    name: "no-recheck-of-freelist",
    origin: "ours",
    what: "a list that an interruption filled is overwritten with what was freed remotely",
    file: "slab/refill.ts",
    find: `  let freelist = <usize>c.freelist;
  if (freelist !== 0) {`,
    replace: `  let freelist: usize = 0;
  if (freelist !== 0) {`,
    expected: "fuzz",
  },
  {
    name: "no-recheck-of-partial",
    origin: "ours",
    what: "the percpu partial list is popped over a cpu slab that appeared meanwhile",
    file: "slab/refill.ts",
    find: `    if (c.slab !== 0 || c.partial === 0) {
      const again = c.slab !== 0;`,
    replace: `    if (c.partial === 0) {
      const again = c.slab !== 0;`,
    expected: "fuzz",
  },
  {
    name: "no-recheck-of-empty-partial",
    origin: "ours",
    what: "the percpu partial list is popped although an interruption emptied it",
    file: "slab/refill.ts",
    find: "    if (c.slab !== 0 || c.partial === 0) {",
    replace: "    if (c.slab !== 0) {",
    expected: "machine",
    shapes: ["last-partial"],
  },
  {
    name: "install-over-cpu-slab",
    origin: "ours",
    what: "a new slab becomes the cpu slab over one that appeared meanwhile, which is forgotten",
    file: "slab/refill.ts",
    find: "  const other = detach_cpu_slab(c);",
    replace: "  const other: usize = 0;",
    expected: "fuzz",
    tests: ["nolock-race"],
  },
  {
    name: "flush-forgets-freelist",
    origin: "ours",
    what: "the list of a replaced cpu slab is not given back to it: its objects are lost",
    file: "slab/deactivate.ts",
    find: "    changetype<Slab>(slab).flush_freelist = <u32>word;",
    replace: "",
    expected: "fuzz",
    tests: ["nolock-race"],
  },
  {
    name: "empty-without-list-lock",
    origin: "ours",
    what: "a slab is discarded or listed without list_lock, where the free may empty it",
    file: "slab/put.ts",
    find: "  if (frozen || (inuse !== 0 && prior !== 0)) return false;\n  return prior",
    replace: "  if (frozen || prior !== 0) return false;\n  return prior",
    expected: "smoke",
  },
  {
    name: "frozen-slab-is-kept",
    origin: "ours",
    what: "the first free to another CPU's cpu slab puts it on the percpu partial list, frozen",
    file: "slab/put.ts",
    find: "    } else if (frozen) {\n      stat(cache, FREE_FROZEN);\n    } else if (to_partial) {",
    replace: "    } else if (prior === 0) {",
    expected: "smoke",
  },
  {
    name: "was-full-is-forgotten",
    origin: "ours",
    what: "the first free to a full slab puts it on no list: its objects are never seen again",
    file: "slab/put.ts",
    find: `        put_cpu_partial(cache, slab, true, mode);
        stat(cache, CPU_PARTIAL_FREE);`,
    replace: "        stat(cache, CPU_PARTIAL_FREE);",
    expected: "smoke",
  },
  {
    name: "unlisted-slab-is-settled",
    origin: "ours",
    what: "an empty percpu partial slab of another CPU is taken off a list it is not on",
    file: "slab/put.ts",
    find: `  if (prior !== 0 && !slab_test_node_partial(slab)) {
    list_unlock(node);
    return;
  }
`,
    replace: "",
    expected: "smoke",
  },
  {
    name: "discard-stays-listed",
    origin: "ours",
    what: "an empty slab goes back to the page allocator and stays on its node's list",
    file: "slab/put.ts",
    find: "      remove_partial(node, slab);\n      stat(cache, FREE_REMOVE_PARTIAL);",
    replace: "      stat(cache, FREE_REMOVE_PARTIAL);",
    expected: "smoke",
  },
  {
    name: "keeps-too-many-empty",
    origin: "ours",
    what: "empty slabs are kept without bound",
    file: "slab/put.ts",
    find: `  if (inuse === 0 && nr_partial(node) >= cache.min_partial) {
    hold(slab);`,
    replace: `  if (inuse === 0 && nr_partial(node) >= 0x7fff_ffff) {
    hold(slab);`,
    tests: ["slab-free-counters", "shrink"],
  },
  {
    name: "try-ignores-miss",
    origin: "ours",
    what: "a missed list_lock is taken for held, and released although it is somebody else's",
    file: "slab/section.ts",
    find: "  return spin_lock(list_lock_address(node), mode);",
    replace: "  spin_lock(list_lock_address(node), mode);\n  return true;",
    expected: "unit",
    tests: ["defer-locks"],
  },
  {
    name: "list-lock-is-left-out",
    origin: "ours",
    what: "slabs leave a node's list without its lock",
    file: "slab/get_partial.ts",
    find: `  if (nr_partial(node) === 0 || !list_lock(node, mode)) return 0;
  const enough`,
    replace: `  if (nr_partial(node) === 0) return 0;
  const held = list_lock(node, LOCK_TRY);
  const enough`,
    expected: "machine",
    shapes: ["two-refills"],
  },
  {
    name: "missed-drain-is-lost",
    origin: "ours",
    what: "percpu partial slabs whose list_lock was missed are forgotten",
    file: "slab/kmem_cache_cpu.ts",
    find: "    keep_partials(cache, put_partials(cache, detached, mode));",
    replace: "    put_partials(cache, detached, mode);",
    expected: "unit",
    tests: ["defer-locks", "nolock-race"],
  },
  {
    name: "missed-object-is-lost",
    origin: "ours",
    what: "a drained object whose list_lock was missed is forgotten",
    file: "slab/drain.ts",
    find: "changetype<usize>(cache), 0);\n    defer_add(cache, slab, object);",
    replace: "changetype<usize>(cache), 0);",
    expected: "unit",
    tests: ["defer-locks"],
  },
  {
    name: "missed-slab-is-lost",
    origin: "ours",
    what: "a cpu slab that cannot be put away now is forgotten",
    file: "slab/deactivate.ts",
    find: "  else if (!put_partial_slab(cache, slab, where, where, mode)) defer_slab(cache, slab);",
    replace: "  else put_partial_slab(cache, slab, where, where, mode);",
    expected: "unit",
    tests: ["defer-locks", "nolock-race"],
  },
  {
    name: "missed-zone-is-lost",
    origin: "ours",
    what: "pages whose zone lock was missed are never free again",
    file: "page/page_alloc.ts",
    find: 'llist_add(changetype<usize>(page) + offsetof<Page>("llnode"), deferred);\n    return;',
    replace: "    return;",
    expected: "fuzz",
    tests: ["page-buddy"],
  },
  {
    name: "irq-work-nests",
    origin: "ours",
    what: "irq_work does not hold the hardirq bit: its own unlocks run it again",
    file: "slab/drain.ts",
    find: `  context_enter(HARDIRQ);
  drain_cpu(area, DEFER_DRAIN_IRQ_WORK, mode);
  context_exit(HARDIRQ);`,
    replace: "  drain_cpu(area, DEFER_DRAIN_IRQ_WORK, mode);",
    target: "trace",
    tests: ["defer-irq-work"],
  },
  {
    name: "irq-work-in-section",
    origin: "ours",
    what: "irq_work runs inside a section that goes on, which the frees in it enter again",
    file: "slab/drain.ts",
    find: "  if (irqs_disabled() || in_interrupt()) return;",
    replace: "  if (in_interrupt()) return;",
    expected: "fuzz",
  },
  {
    name: "irq-work-in-nmi",
    origin: "ours",
    what: "irq_work runs in an NMI, although what it interrupted goes on",
    file: "slab/drain.ts",
    find: "  if (irqs_disabled() || in_interrupt()) return;",
    replace: "  if (irqs_disabled()) return;",
    tests: ["defer-irq-work"],
  },
  {
    name: "irq-pending-stays",
    origin: "ours",
    what: "what was raised stays raised: every unlock looks at empty lists for ever",
    file: "slab/drain.ts",
    find: '  xchg(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 0);\n',
    replace: "",
    tests: ["defer-irq-work"],
  },
  {
    name: "nolock-is-no-context",
    origin: "ours",
    what: "the slow path of a nolock call does not say so: what nests in it waits",
    file: "slab/nolock_alloc.ts",
    find: `    context_enter(NOLOCK);
    object = slab_alloc_slow(cache, node, LOCK_TRY);
    context_exit(NOLOCK);`,
    replace: "    object = slab_alloc_slow(cache, node, LOCK_TRY);",
    target: "trace",
    tests: ["nolock-context"],
  },
  {
    name: "nolock-grows-memory",
    origin: "ours",
    what: "a nolock allocation that finds no page grows the memory, waiting for the lock of that",
    file: "page/page_alloc.ts",
    find: `    if (mode === LOCK_TRY) {
      if (!zones_have(order)) request_growth(1 << order);
      break;
    }
    // A CPU`,
    replace: "    // A CPU",
    tests: ["page-growth", "nolock-alloc"],
  },
  {
    name: "unlock-keeps-irqs-off",
    origin: "ours",
    what: "a missed try leaves its irq-off level: irq_work never runs again",
    file: "sync/spinlock.ts",
    find: "    if (!done) {\n      context_exit(IRQ_OFF);\n      return false;\n    }",
    replace: "    if (!done) return false;",
    tests: ["lock"],
  },
  {
    name: "lock-forgets-sleepers",
    origin: "ours",
    what: "an unlock wakes nobody: sleepers look again only after their ten milliseconds",
    file: "sync/spinlock.ts",
    find: "  if ((old & SLEEPERS) !== 0) wake_up(lock, 1);\n",
    replace: "",
    target: "trace",
    tests: ["spinlock-wake"],
  },
  {
    name: "local-lock-is-not-marked",
    origin: "ours",
    what: "the section of a local lock does not say that it is held",
    file: "sync/local_lock.ts",
    find: "  store<u32>(lock, token);\n  lockdep_acquired(lock);",
    replace: "  lockdep_acquired(lock);",
    expected: "fuzz",
  },
  {
    name: "rt-asks-for-anybody",
    origin: "review of the patch",
    what: "with RT a lock that another task of this CPU holds counts as held by oneself",
    file: "sync/local_lock.ts",
    find: "  return !is_rt() || spin_owner(lock) === cpu_area().current;",
    replace: "  return true;",
    tests: ["rt"],
  },
  {
    name: "rt-uses-fast-path",
    origin: "ours",
    what: "with RT an allocation takes the lockless path although another task may be inside",
    file: "slab/alloc.ts",
    find: "node_match(changetype<Slab>(slab), node) && !is_rt();",
    replace: "node_match(changetype<Slab>(slab), node);",
    tests: ["rt"],
  },
];
