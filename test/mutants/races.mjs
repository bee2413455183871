/**
 * Order and repeated looks between two CPUs, or a task and what interrupts it: what is right in
 * every run that nobody disturbs.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "lock-is-two-steps",
    origin: "ours",
    what: "a lock is looked at, then taken: two CPUs have it",
    file: "sync/spinlock.ts",
    find: "  if (cmpxchg(lock, 0, token) !== 0) {",
    replace:
      "  const seen = read_once(lock);\n  if (seen === 0) xchg(lock, token);\n  if (seen !== 0) {",
    expected: "machine",
    shapes: ["two-refills"],
  },
  {
    name: "slow-lock-is-two-steps",
    origin: "ours",
    what: "the same once the lock was contended",
    file: "sync/spinlock.ts",
    find: "    if (read_once(lock) === 0 && cmpxchg(lock, 0, token) === 0) return true;",
    replace: `    if (read_once(lock) === 0) {
      xchg(lock, token);
      return true;
    }`,
    expected: "machine",
    shapes: ["lock-three"],
  },
  {
    name: "sleeper-takes-unmarked",
    origin: "ours",
    what: "who slept takes the lock without its mark: a second sleeper is forgotten",
    file: "sync/spinlock.ts",
    find: "      if (cmpxchg(lock, 0, token | SLEEPERS) === 0) return true;",
    replace: "      if (cmpxchg(lock, 0, token) === 0) return true;",
    expected: "machine",
    shapes: ["sleepers-three"],
  },
  {
    name: "sleeps-unmarked",
    origin: "ours",
    what: "a CPU sleeps without saying so in the lock: nobody wakes it",
    file: "sync/spinlock.ts",
    find: "seen === marked || cmpxchg(lock, seen, marked) === seen) wait_on(lock, marked, ",
    replace: "marked !== 0) wait_on(lock, seen, ",
    expected: "machine",
    shapes: ["sleepers"],
  },
  {
    name: "unlock-is-two-steps",
    origin: "ours",
    what: "the word is read, then cleared: who marks it in between sleeps on",
    file: "sync/spinlock.ts",
    find: "  const old = xchg(lock, 0);",
    replace: "  const old = read_once(lock);\n  xchg(lock, 0);",
    expected: "machine",
    shapes: ["sleepers"],
  },
  {
    name: "llist-links-late",
    origin: "ours",
    what: "a node gets its link after it can be reached: a taker follows what was there before",
    file: "sync/llist.ts",
    find: `    store<u32>(node, first);
    const found = cmpxchg(head, first, <u32>node);
    if (found === first) return first === 0;`,
    replace: `    const found = cmpxchg(head, first, <u32>node);
    if (found === first) {
      store<u32>(node, first);
      return first === 0;
    }`,
    expected: "machine",
    shapes: ["two-takers"],
  },
  {
    name: "free-links-once",
    origin: "ours",
    what: "a slow free reads the list again after a miss, but keeps its old link",
    file: "slab/put.ts",
    find: `  while (true) {
    const old = slab_word(slab);
    const prior = word_freelist(old);
    const inuse = word_inuse(old) - count;`,
    replace: `  const first = word_freelist(slab_word(slab));
  while (true) {
    const old = slab_word(slab);
    const prior = first;
    const inuse = word_inuse(old) - count;`,
    expected: "machine",
    shapes: ["two-takers"],
  },
  {
    name: "free-keeps-list-lock",
    origin: "ours",
    what: "a slow free whose cmpxchg missed begins again with list_lock held",
    file: "slab/put.ts",
    find: "      if (locked) list_unlock(slab_node(cache, slab));\n      continue;",
    replace: "      continue;",
    expected: "machine",
    shapes: ["last-free-while-refilled"],
  },
  {
    name: "free-reads-slab-first",
    origin: "ours",
    what: "the cpu slab is read before the word, in the loop behind the fast path",
    file: "slab/cpu_freelist.ts",
    find: `    const word = load<u64>(area + offset);
    if (cpu_slab(this_cpu_cache(cache)) !== changetype<usize>(slab)) return false;`,
    replace: `    if (cpu_slab(this_cpu_cache(cache)) !== changetype<usize>(slab)) return false;
    const word = load<u64>(area + offset);`,
    expected: "machine",
    shapes: ["nolock-push-to-nothing"],
  },
  {
    name: "locked-update-ignores-change",
    origin: "ours",
    what: "without cmpxchg: the word is not compared again under the slab lock",
    file: "slab/slab.ts",
    find: "  const same = slab_word(slab) === old;",
    replace: "  const same = true;",
    expected: "machine",
    shapes: ["nocmpxchg"],
  },
  {
    name: "slab-lock-ignores-miss",
    origin: "ours",
    what: "without cmpxchg: a slab lock that another CPU holds counts as held",
    file: "slab/slab.ts",
    find: "  while (!spin_lock(lock, LOCK_BOUNDED)) {}",
    replace: "  spin_lock(lock, 0);",
    expected: "machine",
    shapes: ["nocmpxchg"],
  },
  {
    name: "partial-is-not-looked-at-again",
    origin: "ours",
    what: "a node's list is taken for not empty under its lock because it was before",
    file: "slab/get_partial.ts",
    find: "  while (node.partial !== 0 && moved <= enough) {",
    replace: "  while ((kept === 0 || node.partial !== 0) && moved <= enough) {",
    expected: "machine",
    shapes: ["one-partial"],
  },
  {
    name: "flush-reads-slab-early",
    origin: "ours",
    what: "a flush reads the cpu slab before it enters the section",
    file: "slab/flush.ts",
    find: `export function flush_slab(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  lock_cpu_slab(c);
  const slab = detach_cpu_slab(c);
  unlock_cpu_slab(c);`,
    replace: `import { cpu_slab } from "./kmem_cache_cpu";
export function flush_slab(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  const slab = cpu_slab(c);
  lock_cpu_slab(c);
  detach_cpu_slab(c);
  unlock_cpu_slab(c);`,
    expected: "machine",
    shapes: ["nmi-while-flushed"],
  },
  {
    name: "flush-reads-partials-early",
    origin: "ours",
    what: "a flush reads the percpu partial list before it enters the section",
    file: "slab/flush.ts",
    find: `  lock_cpu_slab(c);
  const first = <usize>c.partial;
  c.partial = 0;
  unlock_cpu_slab(c);`,
    replace: `  const first = <usize>c.partial;
  lock_cpu_slab(c);
  c.partial = 0;
  unlock_cpu_slab(c);`,
    expected: "machine",
    shapes: ["nmi-while-flushed"],
  },
  {
    name: "put-partial-reads-early",
    origin: "ours",
    what: "the percpu partial list is read before the section that drains and replaces it",
    file: "slab/kmem_cache_cpu.ts",
    find: "  lock_cpu_slab(c);\n  const first = <usize>c.partial;\n  if (drain",
    replace: "  const first = <usize>c.partial;\n  lock_cpu_slab(c);\n  if (drain",
    expected: "machine",
    shapes: ["nmi-while-put"],
  },
  {
    name: "install-reads-early",
    origin: "ours",
    what: "whether a cpu slab appeared meanwhile is asked before the section, not in it",
    file: "slab/refill.ts",
    find: "  lock_cpu_slab(c);\n  const other = detach_cpu_slab(c);",
    replace: "  const other = detach_cpu_slab(c);\n  lock_cpu_slab(c);",
    expected: "machine",
    shapes: ["nmi-slabs"],
  },
  {
    name: "irq-pending-is-cleared-late",
    origin: "ours",
    what: "what is raised while irq_work runs is cleared at its end: those objects rot",
    file: "slab/drain.ts",
    find: `  xchg(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 0);
  const mode = irq_work_mode();
  context_enter(HARDIRQ);
  drain_cpu(area, DEFER_DRAIN_IRQ_WORK, mode);
  context_exit(HARDIRQ);`,
    replace: `  const mode = irq_work_mode();
  context_enter(HARDIRQ);
  drain_cpu(area, DEFER_DRAIN_IRQ_WORK, mode);
  context_exit(HARDIRQ);
  xchg(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 0);`,
    expected: "machine",
    shapes: ["nmi-while-drained"],
  },
  {
    name: "rcu-drain-begins-late",
    origin: "ours",
    what: "a grace period's objects are in nobody's hands between the queue and the drain",
    file: "slab/rcu_serve.ts",
    find: `    const drain = drain_begin();
    for (let node = list; node !== 0; node = llist_next(node)) {
      hold(changetype<Page>(node - offsetof<Page>("llnode")));
    }
    write_once(wait_list(queue), 0);
    unlock_queue(queue);`,
    replace: `    write_once(wait_list(queue), 0);
    unlock_queue(queue);
    const drain = drain_begin();`,
    expected: "machine",
    shapes: ["destroy-while-served"],
  },
  {
    name: "busy-bucket-is-not-asked",
    origin: "ours",
    what: "a nolock allocation does not ask whether its bucket is busy, the first or the next",
    file: "slab/nolock_alloc.ts",
    find: "    if (nolock_busy(cache)) {\n      note_miss",
    replace: "    if (nolock_busy(cache) && false) {\n      note_miss",
    tests: ["nolock-alloc"],
    expected: "unit",
  },
  {
    name: "create-looks-early",
    origin: "ours",
    what: "a free entry for a cache is looked for before slab_mutex is held: two caches get one",
    file: "slab/kmem_cache.ts",
    find: `    lock_slab_mutex(mode);
    refused = REFUSED_NAME;
    if (load<u64>(name) !== OWN_NAMES && find_cache(name) === 0) {
      address = find_free_entry();`,
    replace: `    const known = find_cache(name);
    const entry = known === 0 ? find_free_entry() : 0;
    lock_slab_mutex(mode);
    refused = REFUSED_NAME;
    if (load<u64>(name) !== OWN_NAMES && known === 0) {
      address = entry;`,
    expected: "machine",
    shapes: ["two-creates"],
  },
  {
    name: "refill-ignores-zone-lock",
    origin: "ours",
    what: "a nolock call that missed the zone's lock takes pages all the same, and lets it go",
    file: "page/pcp.ts",
    find: "  if (!zone_lock(zone, mode)) return false;\n  const batch",
    replace: "  zone_lock(zone, mode);\n  const batch",
    expected: "machine",
    shapes: ["two-first-slabs"],
  },
  {
    name: "stock-is-not-tried",
    origin: "ours",
    what: "a charge takes from a stock that what it interrupted is changing",
    file: "slab/memcg_stock.ts",
    find: "  if (!local_trylock_irqsave(stock)) return false;",
    replace: "  local_trylock_irqsave(stock);",
    tests: ["memcg-stock"],
    expected: "unit",
  },
  {
    name: "checked-push-ignores-miss",
    origin: "ours",
    what: "an interrupted free of an address that may be anything loses its object",
    file: "slab/fast.ts",
    find: "  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, p))) return false;",
    replace: "  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, p))) return true;",
    expected: "machine",
    shapes: ["checked-nmi"],
  },
  {
    name: "free-bytes-ignore-miss",
    origin: "ours",
    what: "bytes that a group gets back are lost where another CPU gives some back, too",
    file: "slab/memcg_stock.ts",
    find: "    if (cmpxchg(word, seen, total & PAGE_MASK) !== seen) continue;",
    replace: "    cmpxchg(word, seen, total & PAGE_MASK);",
    expected: "machine",
    shapes: ["two-groups-pair"],
  },
  {
    name: "taken-bytes-ignore-miss",
    origin: "ours",
    what: "two CPUs take the same free bytes of their group",
    file: "slab/memcg_stock.ts",
    find: "    if (cmpxchg(word, seen, seen - bytes) === seen) return true;",
    replace: "    cmpxchg(word, seen, seen - bytes);\n    return true;",
    expected: "machine",
    shapes: ["two-takers-of-bytes"],
  },
  {
    name: "claim-is-two-steps",
    origin: "ours",
    what: "whether a CPU is free is read, then it is taken: two Workers are one CPU",
    file: "kmalloc/boot.ts",
    find: "  return cmpxchg(word, CPU_FREE, CPU_TAKEN) === CPU_FREE;",
    replace: `  const free = read_once(word) === CPU_FREE;
  if (free) write_once(word, CPU_TAKEN);
  return free;`,
    expected: "machine",
    shapes: ["attach-race"],
  },
  {
    name: "boot-is-two-steps",
    origin: "ours",
    what: "whether there is a heap is read, then one is made: two Workers make it",
    file: "kmalloc/boot.ts",
    find: "  if (cmpxchg(word, BOOT_NONE, BOOT_RUNNING) === BOOT_NONE) {",
    replace: "  if (read_once(word) === BOOT_NONE) {\n    write_once(word, BOOT_RUNNING);",
    expected: "machine",
    shapes: ["two-boots"],
  },
];
