/**
 * Lock-free steps without what makes them safe: the retry, the comparison, the exchange.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "free-ignores-cas-miss",
    origin: "ours",
    what: "a slow free whose cmpxchg missed goes on as if it had not: the object is lost",
    file: "slab/put.ts",
    find: `    if (!try_update(cache, slab, old, word) && !update_slow(cache, slab, old, word)) {
      if (to_partial) claim_move(-1);
      if (locked) list_unlock(slab_node(cache, slab));
      continue;
    }`,
    replace: "    if (!try_update(cache, slab, old, word)) update_slow(cache, slab, old, word);",
    expected: "machine",
    shapes: ["two-takers"],
  },
  {
    name: "free-stores-slab-word",
    origin: "ours",
    what: "the slab word is stored, not exchanged: a free elsewhere is overwritten",
    file: "slab/slab.ts",
    find: "  return cmpxchg_double(changetype<usize>(slab), old, word) === old;",
    replace: "  set_slab_word(slab, word);\n  return true;",
    expected: "machine",
    shapes: ["two-takers"],
  },
  {
    name: "cas-compares-less",
    origin: "ours",
    what: "only the freelist is compared, not the counters: inuse of an empty list goes wrong",
    file: "slab/slab.ts",
    find: "  return cmpxchg_double(changetype<usize>(slab), old, word) === old;",
    replace: `  const now = slab_word(slab);
  if (<u32>now !== <u32>old) return false;
  return cmpxchg_double(changetype<usize>(slab), now, word) === now;`,
    expected: "machine",
    shapes: ["refill"],
  },
  {
    name: "get-freelist-ignores-miss",
    origin: "ours",
    what: "what was freed remotely while the list was taken is forgotten",
    file: "slab/slab.ts",
    find: "    if (slab_update_freelist(cache, slab, old, word)) return freelist;",
    replace: `    slab_update_freelist(cache, slab, old, word);
    return freelist;`,
    expected: "machine",
    shapes: ["refill"],
  },
  {
    name: "thaw-ignores-miss",
    origin: "ours",
    what: "a cpu slab that is freed to while it is put away stays frozen and on a list",
    file: "slab/deactivate.ts",
    find: "    if (!slab_update_freelist(cache, slab, old, word)) continue;",
    replace: "    slab_update_freelist(cache, slab, old, word);",
    expected: "machine",
    shapes: ["put-away-while-freed"],
  },
  {
    name: "thaw-links-once",
    origin: "ours",
    what: "after a miss the tail still points at the list that was there before",
    file: "slab/deactivate.ts",
    find: `  while (true) {
    const old = slab_word(slab);
    const list = tail === 0 ? word_freelist(old) : freelist;
    if (tail !== 0) set_freepointer(cache, tail, word_freelist(old));`,
    replace: `  if (tail !== 0) set_freepointer(cache, tail, word_freelist(slab_word(slab)));
  while (true) {
    const old = slab_word(slab);
    const list = tail === 0 ? word_freelist(old) : freelist;`,
    expected: "machine",
    shapes: ["put-away-while-freed"],
  },
  {
    name: "direct-ignores-miss",
    origin: "ours",
    what: "a direct free whose cmpxchg missed takes the object for freed",
    file: "slab/direct.ts",
    find: `    if (!slab_update_freelist(cache, slab, old, word)) {
      if (to_partial) claim_move(-1);
      continue;
    }`,
    replace: "    slab_update_freelist(cache, slab, old, word);",
    expected: "machine",
    shapes: ["direct-pair"],
  },
  {
    name: "direct-links-once",
    origin: "ours",
    what: "a direct free reads the list again after a miss, but keeps its old link",
    file: "slab/direct.ts",
    find: `  while (true) {
    const old = slab_word(slab);
    const prior = word_freelist(old);
    const frozen = word_frozen(old);
    const inuse = word_inuse(old) - 1;`,
    replace: `  const first = word_freelist(slab_word(slab));
  while (true) {
    const old = slab_word(slab);
    const prior = first;
    const frozen = word_frozen(old);
    const inuse = word_inuse(old) - 1;`,
    expected: "machine",
    shapes: ["direct-pair"],
  },
  {
    name: "llist-add-ignores-miss",
    origin: "ours",
    what: "two CPUs add at once, and one object is on no list",
    file: "sync/llist.ts",
    find: "    if (found === first) return first === 0;\n    first = found;",
    replace: "    return first === 0;",
    expected: "machine",
    shapes: ["two-adds"],
  },
  {
    name: "llist-add-links-once",
    origin: "ours",
    what: "after a miss the node still links to the head that was: what came in between is lost",
    file: "sync/llist.ts",
    find: "  let first = read_once(head);\n  while (true) {\n    store<u32>(node, first);\n",
    replace: "  let first = read_once(head);\n  store<u32>(node, first);\n  while (true) {\n",
    expected: "machine",
    shapes: ["two-adds"],
  },
  {
    name: "llist-del-all-is-two-steps",
    origin: "ours",
    what: "the head is read and then cleared: two takers get one list, an add in between is lost",
    file: "sync/llist.ts",
    find: "  if (read_once(head) === 0) return 0;\n  return <usize>xchg(head, 0);",
    replace:
      "  const first = read_once(head);\n  if (first !== 0) xchg(head, 0);\n  return <usize>first;",
    expected: "machine",
    shapes: ["two-takers"],
  },
  {
    name: "llist-never-was-empty",
    origin: "ours",
    what: "llist_add() never says that the list was empty: nobody raises irq_work",
    file: "sync/llist.ts",
    find: "    if (found === first) return first === 0;",
    replace: "    if (found === first) return false;",
    tests: ["defer-triggers"],
  },
  {
    name: "llist-always-was-empty",
    origin: "ours",
    what: "llist_add() always says that the list was empty: a raise for every object",
    file: "sync/llist.ts",
    find: "    if (found === first) return first === 0;",
    replace: "    if (found === first) return true;",
    tests: ["defer-counters"],
  },
  {
    name: "this-cpu-cas-is-a-store",
    origin: "ours",
    what: "the freelist is stored without looking whether this CPU was interrupted",
    file: "sync/percpu.ts",
    find: "    return cmpxchg_double(this_cpu + offset, expected, desired) === expected;",
    replace: "    store<u64>(this_cpu + offset, desired);\n    return true;",
    expected: "machine",
    shapes: ["pop-aba"],
  },
  {
    name: "this-cpu-cas-migrates",
    origin: "ours",
    what: "the address is formed before the instruction: a task that is moved changes another CPU",
    file: "sync/percpu.ts",
    find: "    return cmpxchg_double(this_cpu + offset, expected, desired) === expected;",
    replace: "    return cmpxchg_double(area + offset, expected, desired) === expected;",
    expected: "machine",
    shapes: ["moved-while-flushed"],
  },
  {
    name: "alloc-ignores-cas-miss",
    origin: "ours",
    what: "an interrupted allocation keeps the object although the interruption took it too",
    file: "slab/cpu_freelist.ts",
    find: `if (this_cpu_cmpxchg_double(area, offset, word, next_word(word, next))) return object;`,
    replace:
      "    this_cpu_cmpxchg_double(area, offset, word, next_word(word, next));\n    return object;",
    expected: "machine",
    shapes: ["pop-aba"],
  },
  {
    name: "pop-ignores-cas-miss",
    origin: "ours",
    what: "the same in the inlined fast path of kmalloc()",
    file: "slab/fast.ts",
    find: "  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, next))) return 0;",
    replace: "  this_cpu_cmpxchg_double(area, offset, word, next_word(word, next));",
    expected: "machine",
    shapes: ["kmalloc-nmi"],
  },
  {
    name: "push-ignores-cas-miss",
    origin: "ours",
    what: "an interrupted free to the cpu slab loses its object",
    file: "slab/fast.ts",
    find: "(!this_cpu_cmpxchg_double(area, offset, word, next_word(word, object))) return false;",
    replace: "(!this_cpu_cmpxchg_double(area, offset, word, next_word(word, object))) return true;",
    expected: "machine",
    shapes: ["pop-aba"],
  },
  {
    name: "free-ignores-cpu-cas-miss",
    origin: "ours",
    what: "the same in the loop behind it",
    file: "slab/cpu_freelist.ts",
    find: `if (this_cpu_cmpxchg_double(area, offset, word, next_word(word, head))) return true;`,
    replace:
      "    this_cpu_cmpxchg_double(area, offset, word, next_word(word, head));\n    return true;",
    expected: "machine",
    shapes: ["nmi-frees"],
  },
  {
    name: "push-reads-slab-first",
    origin: "ours",
    what: "the cpu slab is read before the word: a section between them goes unseen",
    file: "slab/fast.ts",
    find: `  const word = load<u64>(area + offset);
  if (<usize>changetype<KmemCacheCpu>(area + offset).slab !== slab) return false;
  debug_free(cache, object);`,
    replace: `  if (<usize>changetype<KmemCacheCpu>(area + offset).slab !== slab) return false;
  const word = load<u64>(area + offset);
  debug_free(cache, object);`,
    expected: "machine",
    shapes: ["pop-aba"],
  },
];
