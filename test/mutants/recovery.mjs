/**
 * What lets a CPU die: the notes that everybody leaves, and what whoever reaps makes of them. No
 * heap whose CPUs live is any different.
 */

/** A statement of a file that is left out. */
const without = (name, what, file, statement, ...shapes) => ({
  ...{ name, origin: "ours", what, file, find: `${statement}\n`, replace: "\n" },
  ...{ expected: "machine", shapes },
});

const FREES = ["death-frees-irq-work", "death-slabs-irq-work"];

/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  without(
    ...["dead-zone-lists-stay", "a zone's lists stay as the dead CPU left them"],
    ...["reap/locks.ts", "    rebuild_zone(zone, node);", "death-slabs-irq-work"],
  ),
  without(
    ...["dead-page-lists-stay", "a CPU's page lists stay as the dead one left them"],
    ...["reap/locks.ts", "      rebuild_pcp(area);", "death-others-pages"],
  ),
  without(
    ...["dead-node-lists-stay", "a node's lists stay as the dead CPU left them"],
    ...["reap/locks.ts", "      rebuild_node(cache, node, number);", "death-node-list"],
  ),
  without(
    ...["dead-list-locks-stay", "list_lock of a dead CPU stays held"],
    ...["reap/locks.ts", "  break_list_locks(report);", ...FREES],
  ),
  without(
    ...["dead-slab-locks-stay", "the slab lock of a dead CPU stays held"],
    ...["reap/locks.ts", "  break_slab_locks(report);", "death-nocmpxchg"],
  ),
  without(
    ...["dead-queue-stays-torn", "pages on their way between two lists of a queue are on neither"],
    ...["reap/locks.ts", "  repair_queue(queue, token);", "death-rcu-barrier"],
  ),
  without(
    ...["dead-deferred-objects-stay", "what the dead CPU had deferred is freed by nobody"],
    ...["reap/reap.ts", "    free_deferred_of(per_cpu(cpu), report, mode);"],
    "death-nolock-irq-work",
  ),
  without(
    ...["dead-slabs-in-hand-stay", "slabs in the dead CPU's hand are on no list"],
    ...["reap/reap.ts", "    take_slabs_in_hand(report, mode) &&", ...FREES],
  ),
  without(
    ...["lost-slabs-stay", "slabs that the dead CPU made partial are on no list"],
    ...["reap/reap.ts", "    take_lost_slabs(report, mode) &&", ...FREES],
  ),
  without(
    ...["dead-pages-in-hand-stay", "pages in the dead CPU's hand stay there"],
    ...["reap/reap.ts", "    free_pages_in_hand(report, mode) &&", ...FREES],
  ),
  {
    name: "dead-rcu-pages-stay",
    origin: "ours",
    what: "pages that wait for a grace period stay in the dead CPU's hand",
    file: "reap/reap.ts",
    find: " &&\n    hand_over_rcu_pages(report, mode)\n",
    replace: "\n",
    ...{ expected: "machine", shapes: ["death-rcu"] },
  },
  without(
    ...["dead-empties-stay", "a list that was made anew keeps more empty slabs than it may"],
    ...["reap/reap.ts", "    trim_empties(mode) &&", "death-node-list"],
  ),
  without(
    ...["dead-reader-blocks", "no grace period ends any more: the dead CPU seems to read"],
    "reap/reap.ts",
    '  write_once(changetype<usize>(rcu) + offsetof<RcuData>("reader"), 0);',
    "death-reader",
  ),
  without(
    ...["dead-number-stays-taken", "the dead CPU's number is not free again"],
    "reap/reap.ts",
    '  write_once(address + offsetof<CpuArea>("state"), CPU_FREE);',
    ...FREES,
  ),
  without(
    ...["dead-cpu-slabs-stay", "the dead CPU keeps its cpu slabs"],
    "reap/reap.ts",
    "    if (cache_state(cache) !== CACHE_FREE) detach_dead_cpu_slab(area, cache, report);",
    ...FREES,
  ),
  without(
    ...["reaper-asks-nobody-for-claims", "a live CPU's new partial slab is listed by two"],
    "reap/reap.ts",
    "    wait_for_claims() &&",
    "dead-reaper-of-claim",
  ),
  without(
    ...["dead-victims-stay", "victims of a dead reaper are nobody's"],
    "reap/dead.ts",
    "        cmpxchg(state_of(other), reaping_by(cpu + 1), mine);",
    ...["death-two-reapers", "death-reaper"],
  ),
  {
    name: "reaper-waits-for-dead-claim",
    origin: "ours",
    what: "a reaper waits for a claim of a CPU that died in it, whose own reaper waits for that",
    ...{ file: "reap/slabs.ts", find: "is_taken(cpu) && read_once(claiming) !== 0" },
    ...{ replace: "read_once(claiming) !== 0" },
    ...{ expected: "machine", shapes: ["death-two"] },
  },
  {
    name: "reaper-waits-for-dead-thaw",
    origin: "ours",
    what: "a reaper waits for the end of a thaw whose CPU died in it",
    ...{ file: "reap/slabs.ts", find: "seen < HAND_LEAVES || is_known_dead(seen)" },
    ...{ replace: "seen < HAND_LEAVES" },
    ...{ expected: "machine", shapes: ["two-dead-thaw"] },
  },
  {
    name: "reaper-knows-its-own-victims-alone",
    origin: "ours",
    what: "what another reaper's victim had begun is waited for, by thaws and by counts",
    ...{ file: "reap/dead.ts", find: "(read_once(state_of(cpu)) & CPU_REAPING) !== 0" },
    ...{ replace: "is_victim(cpu)" },
    ...{ expected: "machine", shapes: ["two-dead-count"] },
  },
  {
    name: "dead-moving-list-is-lost",
    origin: "ours",
    what: "a list that was taken from a slab and not yet put in the CPU's word is nowhere",
    ...{ file: "slab/slab.ts", find: "    c.moving = <u32>freelist;\n", replace: "" },
    ...{ expected: "machine", shapes: FREES },
  },
  {
    name: "hand-is-not-noted",
    origin: "ours",
    what: "a block that is on no list says in nobody's hand it is",
    ...{ file: "page/hand.ts", find: "  page.in_hand = cpu_token();\n}" },
    ...{ replace: "  page.in_hand = page.in_hand;\n}" },
    ...{ expected: "machine", shapes: FREES },
  },
  {
    name: "lost-slab-is-looked-at-once",
    origin: "ours",
    what: "a reaper waits for claims before it knows what it has in hand: a later one meets it",
    ...{ file: "reap/slabs.ts", find: "changetype<usize>(cache) !== 0 && seems_lost(slab)" },
    ...{ replace: "changetype<usize>(cache) !== 0" },
    ...{ expected: "machine", shapes: ["death-beside-thaw"] },
  },
  {
    name: "claims-are-not-counted",
    origin: "ours",
    what: "a reaper cannot see that a live CPU is about to claim the slab that it lists",
    file: "page/hand.ts",
    find: '  this_cpu_add(this_cpu + offsetof<CpuArea>("claiming"), by);',
    replace: '  this_cpu_add(this_cpu + offsetof<CpuArea>("claiming"), by & 0);',
    ...{ expected: "machine", shapes: ["death-beside-frees"] },
  },
  without(
    ...[
      "own-reaper-keeps-pages",
      "who reaps as the dead CPU lists pages twice: as its own, as dead",
    ],
    ...["reap/reap.ts", "  area.node = NOWHERE;", "death-all-reaper-anywhere", "death-all"],
  ),
  {
    name: "own-reaper-keeps-slabs",
    origin: "ours",
    what: "what the last frees of a recovery left with a CPU that recovered itself stays there",
    ...{ file: "reap/reap.ts", find: "if (!take_back(0, mode) || waits_for_frees(own)) return" },
    ...{ replace: "if (waits_for_frees(own)) return" },
    ...{ expected: "machine", shapes: ["death-all", "death-all-reaper-anywhere"] },
  },
  {
    name: "recovery-waits-for-ever",
    origin: "ours",
    what: "a recovery waits for slab_mutex, which a CPU has that died meanwhile",
    file: "reap/reap.ts",
    find: "  if (!spin_lock(slab_mutex_address(), mode)) return false;",
    replace: "  while (!spin_lock(slab_mutex_address(), mode)) {}",
    ...{ expected: "machine", shapes: ["death-while-reaping-offline"] },
  },
  {
    name: "own-reaper-dies-for-ever",
    origin: "ours",
    what: "nobody can take over from a thread that died in recovering a CPU as that CPU",
    ...{ file: "reap/dead.ts", find: "return cmpxchg(state_of(cpu), mine, CPU_REAPING) === mine;" },
    ...{ replace: "return cmpxchg(state_of(cpu), mine, mine) === mine;" },
    ...{ expected: "machine", shapes: ["death-all-reaper"] },
  },
  {
    name: "dead-holder-is-not-seen",
    origin: "ours",
    what: "recovery begins although a CPU that nobody named holds a lock: it never ends",
    ...{ file: "reap/blocker.ts", find: "  return owner;\n}\n\n/** @returns true if `word`" },
    ...{ replace: "  return 0;\n}\n\n/** @returns true if `word`" },
    ...{ target: "trace", tests: ["reap-locks"], expected: "unit" },
  },
];
