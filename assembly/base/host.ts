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
