/**
 * Which caches slab_debug= is for: the records that the host wrote before the heap was made.
 *
 * A record is a word of flags and a pattern of up to 31 bytes with its NUL: a name, a beginning
 * followed by `*`, or nothing at all, which means every cache that no other record names. They are
 * constants from boot on. Kernel: mm/slub.c kmem_cache_flags(), 6.18 (SLUB_DEBUG builds).
 */
import {
  MAX_SLAB_DEBUG_RECORDS,
  SLAB_DEBUG_RECORDS,
  SLAB_DEBUG_RECORD_BYTES,
} from "../base/layout";
import { header, heap_base } from "../sync/percpu";

/** "*". */
const STAR: u8 = 42;
/** Bytes of flags before the pattern. */
const PATTERN: usize = 4;

function record_at(index: u32): usize {
  return heap_base + SLAB_DEBUG_RECORDS + <usize>index * SLAB_DEBUG_RECORD_BYTES;
}

function record_count(): u32 {
  return min(header().nr_debug_records, MAX_SLAB_DEBUG_RECORDS);
}

/** @returns true if `pattern` names the cache called `name`; both end with NUL. */
function matches(name: usize, pattern: usize): bool {
  // Ends: a pattern has its NUL within the record.
  for (let i: usize = 0; i < SLAB_DEBUG_RECORD_BYTES - PATTERN; i++) {
    const byte = load<u8>(pattern + i);
    if (byte === STAR) return true;
    if (byte !== load<u8>(name + i)) return false;
    if (byte === 0) return true;
  }
  return false;
}

/**
 * @returns `flags` and those that slab_debug= has for a cache of this name: the first record that
 * names it, else those for all. Context: boot or slab_mutex.
 */
export function kmem_cache_flags(name: usize, flags: u32): u32 {
  let global: u32 = 0;
  const count = record_count();
  for (let i: u32 = 0; i < count; i++) {
    const record = record_at(i);
    if (load<u8>(record + PATTERN) === 0) global = load<u32>(record);
    else if (matches(name, record + PATTERN)) return flags | load<u32>(record);
  }
  return flags | global;
}

/** @returns true if any record has one of `flags`. Context: any. */
export function debug_records_name(flags: u32): bool {
  const count = record_count();
  for (let i: u32 = 0; i < count; i++) {
    if ((load<u32>(record_at(i)) & flags) !== 0) return true;
  }
  return false;
}
