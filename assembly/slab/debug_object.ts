/**
 * What debug caches write into objects: red zones, poison, tracks (SLUB_DEBUG builds).
 *
 * Context of everything here: list_lock, or an object that nobody else can reach.
 * Kernel: mm/slub.c init_object(), set_track(), setup_slab_debug(), setup_object_debug(); 6.18.
 */
import {
  OBJECT_POISON,
  PAGE_SIZE,
  POISON_END,
  POISON_FREE,
  POISON_INUSE,
  SLAB_KMALLOC,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLUB_RED_ACTIVE,
  SLUB_RED_INACTIVE,
} from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import {
  TRACK_DEFERRED,
  TRACK_KFREE,
  TRACK_KMALLOC,
  TRACK_KMEM_CACHE_ALLOC,
  TRACK_KMEM_CACHE_FREE,
  TRACK_NOLOCK,
  TRACK_SIZE,
  Track,
} from "../base/layout_track";
import { DRAIN_DEPTH } from "../base/layout_percpu";
import { page_address } from "../page/page";
import { cpu_area } from "../sync/percpu";
import { get_info_end, get_orig_size, is_debug_cache, set_orig_size } from "./debug_layout";
import { index_to_obj } from "./object";

/** Make an object look free (SLUB_RED_INACTIVE) or in use (SLUB_RED_ACTIVE), and unwritten. */
export function init_object(cache: KmemCache, object: usize, red: u32): void {
  const flags = cache.flags;
  let end = cache.object_size;
  if ((flags & SLAB_RED_ZONE) !== 0) {
    memory.fill(object - cache.red_left_pad, <u8>red, cache.red_left_pad);
    // What was not asked for belongs to the right red zone.
    if (red === SLUB_RED_ACTIVE) end = get_orig_size(cache, object);
    memory.fill(object + end, <u8>red, cache.inuse - end);
  }
  if ((flags & OBJECT_POISON) !== 0) {
    memory.fill(object, <u8>POISON_FREE, end - 1);
    store<u8>(object + end - 1, <u8>POISON_END);
  }
}

/** @returns the track of the allocation, or of the free. */
export function get_track(cache: KmemCache, object: usize, free: bool): Track {
  const first = object + get_info_end(cache);
  return changetype<Track>(free ? first + TRACK_SIZE : first);
}

function write_track(cache: KmemCache, object: usize, free: bool, op: u32): void {
  if ((cache.flags & SLAB_STORE_USER) === 0) return;
  const track = get_track(cache, object, free);
  const area = cpu_area();
  track.op = op;
  track.cpu = area.cpu;
  track.pid = area.current;
  track.when = area.ops;
}

/** Remember that this CPU allocates `object`. */
export function set_track_alloc(cache: KmemCache, object: usize, nolock: bool): void {
  const op = (cache.flags & SLAB_KMALLOC) !== 0 ? TRACK_KMALLOC : TRACK_KMEM_CACHE_ALLOC;
  write_track(cache, object, false, nolock ? op | TRACK_NOLOCK : op);
}

/** Remember that this CPU frees `object`: itself, or for whoever deferred it. */
export function set_track_free(cache: KmemCache, object: usize): void {
  const op = (cache.flags & SLAB_KMALLOC) !== 0 ? TRACK_KFREE : TRACK_KMEM_CACHE_FREE;
  const deferred = (cpu_area().drains & DRAIN_DEPTH) !== 0;
  write_track(cache, object, true, deferred ? op | TRACK_DEFERRED : op);
}

/** Make a new slab of `objects` objects what a debug cache expects; nothing for other caches. */
export function setup_slab_debug(cache: KmemCache, slab: Slab, objects: u32): void {
  if (!is_debug_cache(cache)) return;
  const bytes = (<usize>PAGE_SIZE) << slab.order;
  if ((cache.flags & SLAB_POISON) !== 0) {
    memory.fill(page_address(slab), <u8>POISON_INUSE, bytes);
  }
  for (let i: u32 = 0; i < objects; i++) {
    const object = index_to_obj(cache, slab, i);
    init_object(cache, object, SLUB_RED_INACTIVE);
    if ((cache.flags & SLAB_STORE_USER) !== 0) {
      memory.fill(changetype<usize>(get_track(cache, object, false)), 0, 2 * TRACK_SIZE);
    }
    set_orig_size(cache, object, cache.object_size);
  }
}
