/**
 * The tid that does not move where a freelist changed: whoever was interrupted there takes an old
 * word for the present one.
 */
/** @type {import("slablab/internal/mutants/mutant.js").MutantRecord[]} */
export const MUTANTS = [
  {
    name: "tid-stands-still",
    origin: "ours",
    what: "no event moves the tid: free and allocation in between go unseen (ABA)",
    file: "sync/percpu.ts",
    find: "  return ((word & 0xffff_ffff_0000_0000) + ((<u64>TID_STEP) << 32)) | <u64>object;",
    replace: "  return (word & 0xffff_ffff_0000_0000) | <u64>object;",
    expected: "machine",
    shapes: ["pop-aba"],
  },
  {
    name: "detach-keeps-tid",
    origin: "ours",
    what: "a detached list that was empty leaves the word as it was: a free goes to another slab",
    file: "slab/deactivate.ts",
    find: "  store<u64>(address, next_word(word, 0));",
    replace: "  store<u64>(address, word & 0xffff_ffff_0000_0000);",
    expected: "machine",
    shapes: ["push-to-nothing"],
  },
  {
    name: "load-keeps-tid",
    origin: "ours",
    what: "a new list begins with the old tid",
    file: "slab/refill.ts",
    find: "  store<u64>(address, next_word(load<u64>(address), next));",
    replace: "  store<u64>(address, (load<u64>(address) & 0xffff_ffff_0000_0000) | <u64>next);",
    expected: "machine",
    shapes: ["same-list-again"],
  },
  {
    name: "tid-steps-by-one",
    origin: "ours",
    what: "the tid moves into the number of another CPU: it proves nothing about migration",
    file: "sync/percpu.ts",
    find: "((<u64>TID_STEP) << 32)",
    replace: "((<u64>1) << 32)",
    expected: "smoke",
  },
];
