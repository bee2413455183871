/** Why an instruction of the allocator is in no scenario, by the function it is in. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/\/boot\/|set_registers|heap_init|cpu_attach/, "runs before there is a heap"],
  [/memcg/, "memory control groups are in no scenario yet"],
  [/rcu/, "grace periods: kfree_rcu() and its queues alone are in a scenario"],
  [/\/grow\/|serve_growth/, "the machine's memory has its full size from the start"],
  [/large|\/run\/|buddy_take_run/, "allocations of many blocks are in no scenario yet"],
  [/bulk/, "bulk calls are in no scenario yet"],
  [/krealloc|kcalloc|ksize|libc|aligned|malloc_usable/, "reallocation is in no scenario yet"],
  [/check|refuse/, "checked frees are for JavaScript callers"],
  [/failslab|should_fail|random/, "fault injection and shuffling are in no scenario yet"],
  [/offline|destroy|kmem_cache_(create|open)|size/, "creation and destruction are no hot path"],
  [/node|numa|any_partial/, "one node only"],
];

export function reasonFor(name: string): string {
  return REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? "no scenario leads there yet";
}
