/**
 * Pages, growth, grace periods, barriers: what lies below and beside the slabs.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "buddy-merges-used",
    origin: "ours",
    what: "a block is merged with a buddy of another order, part of which is in use",
    file: "page/buddy.ts",
    find: "    if (page_kind(buddy) !== PG_BUDDY || buddy.order !== order) break;",
    replace: "    if (page_kind(buddy) !== PG_BUDDY) break;",
    tests: ["page-buddy"],
  },
  {
    name: "buddy-never-merges",
    origin: "ours",
    what: "freed blocks stay in pieces: large allocations fail in an empty heap",
    file: "page/buddy.ts",
    find: "    if (page_kind(buddy) !== PG_BUDDY || buddy.order !== order) break;",
    replace: "    break;",
    tests: ["page-buddy"],
  },
  {
    name: "buddy-miscounts",
    origin: "ours",
    what: "pages that a zone hands out stay counted as free",
    file: "page/buddy.ts",
    find: "  zone.nr_free = zone.nr_free - (1 << order);\n",
    replace: "",
    expected: "smoke",
  },
  {
    name: "pcp-miscounts",
    origin: "ours",
    what: "a page leaves a per-CPU list, and its count does not know",
    file: "page/pcp.ts",
    find: "  store<u32>(count, load<u32>(count) - 1);\n",
    replace: "",
    expected: "smoke",
  },
  {
    name: "pcp-ignores-its-lock",
    origin: "ours",
    what: "a page list whose lock was missed is used all the same",
    file: "page/pcp.ts",
    find: `  if (!spin_lock(lock, mode)) return false;
  push(area, page, order);`,
    replace: `  const held = spin_lock(lock, mode);
  push(area, page, order);`,
    tests: ["page-buddy"],
  },
  {
    name: "growth-overlaps",
    origin: "ours",
    what: "the end of the heap moves one page too few: the next growth hands it out again",
    file: "page/grow.ts",
    find: `    write_once(heap_base + offsetof<HeapHeader>("end_pfn"), block_end);`,
    replace: `    write_once(heap_base + offsetof<HeapHeader>("end_pfn"), block_end - 1);`,
    tests: ["page-growth"],
  },
  {
    name: "growth-request-is-lost",
    origin: "ours",
    what: "what a nolock allocation wished for is never grown",
    file: "page/grow.ts",
    find: "  if (pages !== 0) grow_memory(pages, end_pfn(), LOCK_TRY);",
    replace: "",
    tests: ["page-growth", "nolock-alloc"],
  },
  {
    name: "grace-period-does-not-wait",
    origin: "ours",
    what: "every grace period is over at once, whoever reads",
    file: "sync/rcu.ts",
    find: "    if (reader !== 0 && <i32>(reader - period) <= 0) return address;",
    replace: "",
    tests: ["rcu"],
  },
  {
    name: "grace-period-misses-its-own",
    origin: "ours",
    what: "a section that was entered right when the period began is not waited for",
    file: "sync/rcu.ts",
    find: "<i32>(reader - period) <= 0) return address;",
    replace: "<i32>(reader - period) < 0) return address;",
    tests: ["rcu"],
  },
  {
    name: "reader-is-not-told",
    origin: "ours",
    what: "a nested section's end ends the outer one too",
    file: "sync/rcu.ts",
    find: "  if (rcu.nesting === 0) write_once(reader_address(rcu), 0);",
    replace: "  write_once(reader_address(rcu), 0);",
    tests: ["rcu"],
  },
  {
    name: "typesafe-does-not-wait",
    origin: "ours",
    what: "pages of a SLAB_TYPESAFE_BY_RCU cache go back at once",
    file: "slab/new_slab.ts",
    find: `  if ((cache.flags & SLAB_TYPESAFE_BY_RCU) !== 0) {
    rcu_queue_slab(slab);`,
    replace: `  if (false) {
    rcu_queue_slab(slab);`,
    target: "release",
    tests: ["rcu"],
  },
  {
    name: "rcu-open-page-is-lost",
    origin: "ours",
    what: "a page of addresses that is replaced while it is not full is on no list",
    file: "slab/rcu_queue.ts",
    find: '  if (page !== 0) llist_add(page + offsetof<Page>("llnode"), next_list(queue));\n',
    replace: "",
    tests: ["rcu"],
  },
  {
    name: "barrier-misses-other-cpus",
    origin: "ours",
    what: "defer_free_barrier() drains this CPU alone",
    file: "slab/barrier.ts",
    find: "    drain_cpu(per_cpu(cpu), DEFER_DRAIN_BARRIER, mode);",
    replace: "    if (cpu === cpu_area().cpu) drain_cpu(per_cpu(cpu), DEFER_DRAIN_BARRIER, mode);",
    tests: ["nolock-free", "defer-triggers", "slab-cache"],
  },
  {
    name: "barrier-does-not-wait",
    origin: "ours",
    what: "defer_free_barrier() returns while another CPU has drained objects in its hands",
    file: "slab/barrier.ts",
    find: "  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) wait_for_drain(per_cpu(cpu));\n",
    replace: "",
    expected: "machine",
    shapes: ["destroy-while-drained"],
  },
  {
    name: "drain-begins-late",
    origin: "ours",
    what: "a drain says that it has objects in its hands only once it has them",
    file: "slab/drain.ts",
    find: `  const drain = drain_begin();
  const since = deferred_since(stamp);
  const rest = rest_of(drain);
  let link = llist_del_all(list);
  if (link !== 0) {`,
    replace: `  const since = deferred_since(stamp);
  let link = llist_del_all(list);
  const drain = drain_begin();
  const rest = rest_of(drain);
  if (link !== 0) {`,
    tests: ["slab-cache", "nolock-free"],
    expected: "machine",
    shapes: ["destroy-while-drained"],
  },
  {
    name: "offline-leaves-partials",
    origin: "ours",
    what: "a CPU that goes offline keeps its percpu partial slabs, which nobody reaches then",
    file: "slab/flush.ts",
    find: `  const first = <usize>c.partial;
  c.partial = 0;
  unlock_cpu_slab(c);
  place_partials(cache, first, mode);`,
    replace: "  unlock_cpu_slab(c);",
    expected: "smoke",
  },
  {
    name: "flush-keeps-freelist",
    origin: "ours",
    what: "a flushed CPU keeps its freelist without a slab",
    file: "slab/deactivate.ts",
    find: `  store<u64>(address, next_word(word, 0));
  c.slab = 0;`,
    replace: "  c.slab = 0;",
    expected: "smoke",
  },
  {
    name: "shrink-request-is-ignored",
    origin: "ours",
    what: "a CPU that was asked to flush never does",
    file: "slab/flush.ts",
    find: "  write_once(request_address(c), 0);\n  flush_this_cpu(cache, mode);",
    replace: "  write_once(request_address(c), 0);",
    tests: ["shrink"],
  },
  {
    name: "shrink-keeps-empties",
    origin: "ours",
    what: "kmem_cache_shrink() puts empty slabs back into their list's order",
    file: "slab/shrink.ts",
    find: "  if (free === word_objects(slab_word(slab))) {",
    replace: "  if (false) {",
    tests: ["shrink"],
  },
];
