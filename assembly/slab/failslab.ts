/**
 * Fault injection: allocations that fail on purpose (kernel: mm/failslab.c, lib/fault-inject.c).
 *
 * Three ways, options of the heap: by probability, only every interval-th allocation of a CPU, and
 * exactly the n-th of each CPU, which a test raises from 1 until nothing fails any more. Objects
 * and pages count alike, so that what fails in the middle of making a slab is met too (kernel:
 * failslab and fail_page_alloc). Nolock allocations are never made to fail, as in the kernel.
 * Heaps without the option never get here: their CPUs are not HOOKED, and the page allocator asks
 * one word on its slow path.
 */
import { HEAP_FAILSLAB, SLAB_FAILSLAB } from "../base/config";
import { KmemCache } from "../base/layout";
import { header } from "../sync/percpu";
import { should_fail } from "../sync/fail";
import { debug_records_name } from "./debug_flags";

/** @returns true if this allocation is to fail. Context: ordinary allocations. */
export function should_failslab(cache: KmemCache): bool {
  if ((header().options & HEAP_FAILSLAB) === 0) return false;
  if (isDefined(SLUB_DEBUG)) {
    // With slab_debug=A,... only the caches it names.
    if ((cache.flags & SLAB_FAILSLAB) === 0 && debug_records_name(SLAB_FAILSLAB)) return false;
  }
  return should_fail();
}
