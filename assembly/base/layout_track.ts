/** The memory map, continued: what SLAB_STORE_USER keeps of an object (SLUB_DEBUG builds). */

/**
 * Who allocated or freed an object of a cache with SLAB_STORE_USER. Two of them, and for kmalloc
 * caches the size that was asked for, lie behind the object's free pointer.
 */
@unmanaged
export class Track {
  /** TRACK_*, or 0: nobody yet. */
  op: u32;
  cpu: u32;
  /** The task: CpuArea.current. */
  pid: u32;
  /** CpuArea.ops of that CPU then. */
  when: u32;
}
export const TRACK_SIZE: usize = 16;

// What a track was made by; the last two are added to the others.
export const TRACK_KMALLOC: u32 = 1;
export const TRACK_KMEM_CACHE_ALLOC: u32 = 2;
export const TRACK_KFREE: u32 = 3;
export const TRACK_KMEM_CACHE_FREE: u32 = 4;
export const TRACK_NOLOCK: u32 = 0x10;
/** The object had waited on a deferred list. */
export const TRACK_DEFERRED: u32 = 0x20;
