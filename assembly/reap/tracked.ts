/** Objects that a dead CPU allocated and that are in use: what may be lost, by name. */
import { SLAB_STORE_USER } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { end_pfn } from "../page/grow";
import { pfn_to_page } from "../page/page";
import { is_on_list } from "../slab/debug_freed";
import { get_track } from "../slab/debug_object";
import { index_to_obj } from "../slab/object";
import { slab_word, word_objects } from "../slab/slab";
import { header } from "../sync/percpu";
import { is_victim } from "./dead";
import { cache_of } from "./slabs";

/** @returns objects of a slab in use that a dead CPU allocated last. */
function count_tracked(cache: KmemCache, slab: Slab): u32 {
  const objects = word_objects(slab_word(slab));
  let count: u32 = 0;
  for (let i: u32 = 0; i < objects; i++) {
    const object = index_to_obj(cache, slab, i);
    const track = get_track(cache, object, false);
    if (track.op === 0 || !is_victim(track.cpu)) continue;
    if (!is_on_list(cache, slab, object)) count++;
  }
  return count;
}

/** @returns how many there are, in caches that note who allocated. A look: others go on. */
export function tracked_objects(): u32 {
  let count: u32 = 0;
  if (isDefined(SLUB_DEBUG)) {
    const end = end_pfn();
    for (let pfn = header().first_pfn; pfn < end; pfn++) {
      const slab = pfn_to_page(pfn);
      const address = cache_of(slab);
      if (address === 0) continue;
      const cache = changetype<KmemCache>(address);
      if ((cache.flags & SLAB_STORE_USER) !== 0) count += count_tracked(cache, slab);
    }
  }
  return count;
}
