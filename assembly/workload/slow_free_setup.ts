/**
 * Setting the core slow free up and taking it down; nothing here is timed.
 *
 * 1. slow_free_prepare(): the CPU allocates until it owns every object of enough whole slabs.
 *    CPU after CPU, so that no slab has objects of two.
 * 2. slow_free_thin(): it frees a quarter of every slab, which makes the slabs partial and puts
 *    them on partial lists, where they stay. After all CPUs are through 1, or the next would
 *    allocate from them.
 * 3. phases (slow_free.ts). Nothing may allocate from this cache but from a cpu slab.
 * 4. slow_free_release(): everything goes back.
 *
 * ```
 * block + 128      slabs   2 u32 each: descriptor, first object of the chain that stays
 *                  order   u32 each: objects that a phase frees, permuted
 *                  owned   u32 each: all objects, slab by slab
 * ```
 */
import { GFP_KERNEL } from "../base/config";
import { PG_SLAB, Slab } from "../base/layout";
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { kmalloc_slab } from "../kmalloc/size_class";
import { page_kind, page_slab, virt_to_page } from "../page/page";
import { slab_word, word_freelist, word_frozen, word_inuse, word_objects } from "../slab/slab";
import { Work, shuffle, work_arrays } from "./work";

/** @returns objects of each slab that are free between phases, of `objects`. */
function thin_of(objects: u32): u32 {
  return max(objects >> 2, <u32>1);
}

/** @returns objects of each slab that a phase frees; at least one more stays in use. */
function share_of(objects: u32): u32 {
  return max(objects >> 1, <u32>1);
}

/** @returns objects in a slab of the cache that serves `size`. */
function objects_of(size: u32): u32 {
  return kmalloc_slab(size, GFP_KERNEL).oo & 0xffff;
}

/** @returns slabs that one CPU needs for phases of at least `frees` frees of `size` bytes. */
export function slow_free_slabs(size: u32, frees: u32): u32 {
  const share = share_of(objects_of(size));
  return (frees + share - 1) / share;
}

/** @returns frees in one phase of a CPU: at least `frees`, whole slabs. */
export function slow_free_frees(size: u32, frees: u32): u32 {
  return slow_free_slabs(size, frees) * share_of(objects_of(size));
}

/** @returns bytes of a block for phases of at least `frees`. */
export function slow_free_bytes(size: u32, frees: u32): usize {
  const slabs = slow_free_slabs(size, frees);
  const objects = objects_of(size);
  return work_arrays(0) + <usize>slabs * (8 + ((<usize>share_of(objects) + objects) << 2));
}

/** @returns the descriptor of slab `index`. */
export function slab_at(work: usize, index: u32): usize {
  return <usize>load<u32>(work_arrays(work) + ((<usize>index) << 3));
}

/** @returns the first object of the chain that stays in slab `index`. */
export function slab_bottom(work: usize, index: u32): usize {
  return <usize>load<u32>(work_arrays(work) + ((<usize>index) << 3) + 4);
}

/** @returns address of the permuted objects of a phase. */
export function slow_free_order(work: usize): usize {
  return work_arrays(work) + ((<usize>changetype<Work>(work).slabs) << 3);
}

/** @returns address of the objects of slab `index`. */
function owned_at(work: usize, index: u32): usize {
  const w = changetype<Work>(work);
  const order = slow_free_order(work) + ((<usize>w.slabs * w.share) << 2);
  return order + ((<usize>index * w.objects) << 2);
}

function slab_of(object: usize): usize {
  return page_slab(virt_to_page(object));
}

/** Put an object on a chain through its first word. @returns the chain. */
function chain_stray(chain: usize, object: usize): usize {
  store<u32>(object, <u32>chain);
  return object;
}

/**
 * Step 1. Objects of one slab come one after the other, so a run as long as a slab is a slab;
 * shorter runs are what others left free, and go back at the end.
 *
 * @returns slabs owned; fewer than slow_free_slabs() when memory is out. Context: task.
 */
export function slow_free_prepare(work: usize, frees: u32): u32 {
  const w = changetype<Work>(work);
  const size = w.size;
  w.objects = objects_of(size);
  w.thin = thin_of(w.objects);
  w.share = share_of(w.objects);
  w.slabs = slow_free_slabs(size, frees);
  if (w.thin + w.share >= w.objects) return 0;
  let owned: u32 = 0;
  let strays: usize = 0;
  let object = kmalloc(size, 0);
  // Ends: each turn takes at least one object, and memory is finite.
  while (object !== 0 && owned < w.slabs) {
    const slab = slab_of(object);
    const at = owned_at(work, owned);
    let count: u32 = 0;
    while (object !== 0 && slab_of(object) === slab) {
      store<u32>(at + ((<usize>count) << 2), <u32>object);
      count++;
      object = kmalloc(size, 0);
    }
    if (count === w.objects) {
      store<u32>(work_arrays(work) + ((<usize>owned) << 3), <u32>slab);
      owned++;
    } else {
      for (let i: u32 = 0; i < count; i++) {
        strays = chain_stray(strays, <usize>load<u32>(at + ((<usize>i) << 2)));
      }
    }
  }
  // One object more than owned: the last slab is no longer the cpu slab.
  if (object !== 0) strays = chain_stray(strays, object);
  while (strays !== 0) {
    const next = <usize>load<u32>(strays);
    kfree(strays);
    strays = next;
  }
  return owned;
}

/** Step 2. @returns slabs that are not as they should be: 0 = ready. Context: task. */
export function slow_free_thin(work: usize): u32 {
  const w = changetype<Work>(work);
  let wrong: u32 = 0;
  let slot = slow_free_order(work);
  for (let i: u32 = 0; i < w.slabs; i++) {
    const objects = owned_at(work, i);
    shuffle(w, objects, w.objects);
    for (let k: u32 = 0; k < w.thin; k++) kfree(<usize>load<u32>(objects + ((<usize>k) << 2)));
    for (let k: u32 = 0; k < w.share; k++) {
      store<u32>(slot, load<u32>(objects + ((<usize>(w.thin + k)) << 2)));
      slot += 4;
    }
    const slab = changetype<Slab>(slab_at(work, i));
    const word = slab_word(slab);
    const ready =
      page_kind(slab) === PG_SLAB &&
      word_objects(word) === w.objects &&
      word_inuse(word) === w.objects - w.thin &&
      !word_frozen(word);
    if (!ready) wrong++;
    store<u32>(work_arrays(work) + ((<usize>i) << 3) + 4, <u32>word_freelist(word));
  }
  slow_free_shuffle(work);
  return wrong;
}

/** Another order for the next phases. */
export function slow_free_shuffle(work: usize): void {
  const w = changetype<Work>(work);
  shuffle(w, slow_free_order(work), w.slabs * w.share);
}

/** Step 4: free what is still held. Context: task, after a reset. */
export function slow_free_release(work: usize): void {
  const w = changetype<Work>(work);
  for (let i: u32 = 0; i < w.slabs; i++) {
    const objects = owned_at(work, i);
    for (let k = w.thin; k < w.objects; k++) kfree(<usize>load<u32>(objects + ((<usize>k) << 2)));
  }
}
