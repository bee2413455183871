/**
 * The second victim: allocations and frees that never leave the fast path.
 *
 * A pair touches nothing that another CPU writes, except where an arm of deferral puts its list
 * into the line that every operation of every CPU reads: try_pop() and try_push() load
 * `offset` from it each time.
 */
import { GFP_KERNEL } from "../base/config";
import { STAT_STRIDE } from "../base/layout";
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { kmalloc_slab } from "../kmalloc/size_class";
import { cpu_area } from "../sync/percpu";
import { ALLOC_SLOWPATH, FREE_SLOWPATH } from "../sync/stat";

/** @returns slow paths this CPU has taken in the cache that serves `size`. */
function slow_paths(size: usize): u64 {
  const counters =
    <usize>kmalloc_slab(size, GFP_KERNEL).stat_base + <usize>cpu_area().cpu * STAT_STRIDE;
  return load<u64>(counters + ALLOC_SLOWPATH * 8) + load<u64>(counters + FREE_SLOWPATH * 8);
}

/**
 * `pairs` times kmalloc(size) and kfree() from a cpu slab that has a free object.
 *
 * @returns slow paths taken, which must be 0. Context: task.
 */
export function fast_victim(pairs: u32, size: usize): u32 {
  const before = slow_paths(size);
  for (let i: u32 = 0; i < pairs; i++) kfree(kmalloc(size, 0));
  return <u32>(slow_paths(size) - before);
}
