/**
 * Telling the host what slab_debug found (SLUB_DEBUG builds).
 *
 * The host writes the text, from the memory as it is at that moment: nothing is repaired before
 * the report. Each report and each repair counts one in HeapHeader.slab_errors; traces do not.
 * Kernel: mm/slub.c slab_bug(), slab_fix(), slab_add_kunit_errors(); 6.18.
 */
import { slab_report } from "../base/host";
import { HeapHeader } from "../base/layout";
import { fetch_add, read_once } from "./atomic";
import { CALLBACK, context_enter, context_exit } from "./context";
import { heap_base } from "./percpu";

// Bytes that should all be `value`, from .. to, the end not included.
export const REPORT_LEFT_REDZONE: u32 = 1;
export const REPORT_RIGHT_REDZONE: u32 = 2;
export const REPORT_KMALLOC_REDZONE: u32 = 3;
export const REPORT_ALIGNMENT_PADDING: u32 = 4;
export const REPORT_POISON: u32 = 5;
export const REPORT_END_POISON: u32 = 6;
export const REPORT_OBJECT_PADDING: u32 = 7;
export const REPORT_SLAB_PADDING: u32 = 8;
// About an object.
export const REPORT_FREELIST_POINTER: u32 = 16;
export const REPORT_FREECHAIN: u32 = 17;
export const REPORT_FREEPOINTER: u32 = 18;
export const REPORT_ALREADY_FREE: u32 = 19;
// About a slab; `from` is what was found, `to` what should be.
export const REPORT_SLAB_FREEPOINTER: u32 = 32;
export const REPORT_FREELIST_CYCLE: u32 = 33;
export const REPORT_OBJECTS_WRONG: u32 = 34;
export const REPORT_COUNT_WRONG: u32 = 35;
export const REPORT_OBJECTS_MAX: u32 = 36;
export const REPORT_INUSE_MAX: u32 = 37;
export const REPORT_DISABLED: u32 = 38;
export const REPORT_INVALID_POINTER: u32 = 39;
export const REPORT_TOO_MANY_FREED: u32 = 40;
export const REPORT_BULK_COUNT: u32 = 41;
export const REPORT_OBJECTS_REMAIN: u32 = 42;
export const REPORT_OBJECT_REMAINS: u32 = 43;
export const REPORT_NR_PARTIAL: u32 = 44;
// Repairs. FIX_RESTORE is added to the kind of bytes that are written again.
export const FIX_RESTORE: u32 = 64;
export const FIX_FREELIST_CLEARED: u32 = 96;
export const FIX_OBJECTS: u32 = 97;
export const FIX_COUNT: u32 = 98;
export const FIX_ALL_USED: u32 = 99;
export const FIX_NOT_FREED: u32 = 100;
// slab_debug=T.
export const REPORT_TRACE_ALLOC: u32 = 128;
export const REPORT_TRACE_FREE: u32 = 129;

/** @returns reports and repairs so far, of all CPUs. Context: any. */
export function slab_errors(): u32 {
  return read_once(heap_base + offsetof<HeapHeader>("slab_errors"));
}

/**
 * Tell, and count it unless it is a trace. Context: any; the host may call nolock functions.
 *
 * @param cache address, or 0: it is about a large allocation, or a page of one, which is `slab`
 */
export function slab_bug(
  kind: u32,
  cache: usize,
  slab: usize,
  object: usize,
  from: usize,
  to: usize,
  value: u32,
): void {
  context_enter(CALLBACK);
  slab_report(kind, cache, slab, object, from, to, value);
  context_exit(CALLBACK);
  if (kind < REPORT_TRACE_ALLOC) {
    fetch_add(heap_base + offsetof<HeapHeader>("slab_errors"), 1);
  }
}
