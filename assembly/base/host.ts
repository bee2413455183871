/**
 * What the host supplies: the only imports beside the memory.
 *
 * Each may call back into the allocator, as a tracing program or a constructor would; the calls
 * it makes then behave as their nolock twins (sync/context.ts).
 */

/**
 * Run the constructor of a cache on one object of a new slab.
 *
 * @param cache index in the cache table
 * @param object address of the raw object
 * @returns 0, or nonzero if it threw: then the slab is given back and the allocation fails
 */
export declare function call_ctor(cache: u32, object: usize): u32;

/**
 * A trace point was passed (SLUB_TRACE builds; sync/trace.ts has the events and what they carry).
 * The handler may call nolock functions of this CPU, as a BPF program would.
 */
export declare function call_trace(event: u32, a: usize, b: usize, c: usize): void;

/**
 * lockdep found a lock taken in the wrong way (SLUB_DEBUG builds; sync/lockdep.ts has the kinds).
 *
 * @param lock address of the lock word, @param held that of the one it collides with, or 0
 */
export declare function call_lockdep(kind: u32, lock: usize, held: usize): void;

/**
 * slab_debug found something, repaired something, or traces (SLUB_DEBUG builds). Nothing has been
 * restored yet, and list_lock is held: the host only reads.
 *
 * @param kind REPORT_* (sync/slab_report.ts), which says what `from`, `to` and `value` are
 * @param cache, @param slab addresses; no cache: of a large allocation
 * @param object address, or 0 where it is about the slab
 */
export declare function slab_report(
  kind: u32,
  cache: usize,
  slab: usize,
  object: usize,
  from: usize,
  to: usize,
  value: u32,
): void;
