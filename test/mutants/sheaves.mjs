/**
 * Sheaves: what is handed out twice, what no place has, what a dead CPU leaves.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "sheaf-pop-keeps-top",
    origin: "ours",
    what: "an object that was popped is the next again",
    file: "slab/sheaf.ts",
    find: "  if (object !== 0) c.top = <u32>(top - 4);\n",
    replace: "",
    tests: ["sheaf"],
  },
  {
    name: "barn-puts-without-counting",
    origin: "ours",
    what: "a sheaf comes into the barn, and its count does not know",
    file: "slab/barn.ts",
    find: "  write_once(list, load<u32>(list) + 1);\n",
    replace: "",
    tests: ["sheaf"],
  },
  {
    name: "page-class-stays",
    origin: "ours",
    what: "pages that are no slab any more still have their class",
    file: "slab/page_class.ts",
    find: "  set_page_classes(first, first.order, 0);\n",
    replace: "",
    tests: ["sheaf"],
  },
  {
    name: "out-of-memory-beside-full-sheaves",
    origin: "ours",
    what: "an allocation fails although sheaves hold memory",
    file: "slab/sheaf_flush.ts",
    find: "  flush_sheaves(cache, mode);\n  ask_others(cache);",
    replace: "  ask_others(cache);",
    tests: ["sheaf"],
  },
  {
    name: "remote-objects-go-to-sheaves",
    origin: "ours",
    what: "an object of another node is kept by this one's CPU",
    file: "slab/pcs.ts",
    find: "cache.sheaf_capacity !== 0 && slab.node === cpu_area().node;",
    replace: "cache.sheaf_capacity !== 0;",
    tests: ["sheaf"],
  },
  {
    name: "nolock-asks-the-slab-first",
    origin: "ours",
    what: "a sheaf that can be had is left alone, because this CPU is busy with its slab",
    file: "slab/nolock_alloc.ts",
    find: "    const object = try_alloc_from_pcs(cache);\n",
    replace: "    const object = nolock_busy(cache) ? 0 : try_alloc_from_pcs(cache);\n",
    tests: ["sheaf-nolock"],
  },
  {
    name: "nolock-retries-the-busy-only",
    origin: "fixed after the merge",
    what: "with sheaves a NULL for another reason than -EBUSY is final",
    file: "kmalloc/nolock.ts",
    find: "if (!busy && !has_sheaves())",
    replace: "if (!busy)",
    tests: ["sheaf-nolock"],
  },
];
