/**
 * Flushing: what a CPU holds of a cache goes back to its nodes, because somebody wants it to.
 *
 * Kernel: mm/slub.c flush_slab(), __flush_cpu_slab(), flush_all(); 6.18 - differs: another CPU
 * cannot be interrupted, so it is asked (KmemCacheCpu.request) and flushes at its next slow path.
 */
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { hold } from "../page/hand";
import { cmpxchg, read_once, write_once } from "../sync/atomic";
import { cpu_cache_of, this_cpu_cache } from "../sync/percpu";
import { CPUSLAB_FLUSH, stat } from "../sync/stat";
import { detach_cpu_slab } from "./deactivate";
import { deactivate_and_drain } from "./drain";
import { put_partials } from "./kmem_cache_cpu";
import { lock_cpu_slab, unlock_cpu_slab } from "./section";

/** Take the cpu slab of `c` away. Context: local lock free; `c` is this CPU's. */
export function flush_slab(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  lock_cpu_slab(c);
  const slab = detach_cpu_slab(c);
  unlock_cpu_slab(c);
  if (slab === 0) return;
  deactivate_and_drain(cache, changetype<Slab>(slab), mode);
  stat(cache, CPUSLAB_FLUSH);
}

/**
 * Give up everything this CPU holds of `cache`. What the lists hold is detached inside the local
 * lock's section, so that an NMI in between finds a whole list or none.
 *
 * Context: task, local lock free.
 */
export function flush_this_cpu(cache: KmemCache, mode: u32): void {
  const c = this_cpu_cache(cache);
  flush_slab(cache, c, mode);
  lock_cpu_slab(c);
  const first = <usize>c.partial;
  c.partial = 0;
  unlock_cpu_slab(c);
  place_partials(cache, first, mode);
}

/**
 * Hand the percpu partial slabs of another CPU to their nodes: one by one, each in this CPU's hand
 * before it leaves the list. Context: as flush_cpu_of().
 */
export function flush_partials(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  while (c.partial !== 0) {
    const slab = changetype<Slab>(<usize>c.partial);
    hold(slab);
    c.partial = slab.next;
    slab.next = 0;
    place_partials(cache, changetype<usize>(slab), mode);
  }
}

/** Hand a detached percpu partial list to the nodes, all of it. */
function place_partials(cache: KmemCache, first: usize, mode: u32): void {
  let rest = put_partials(cache, first, mode);
  // A CPU that may not sleep tries until it gets the lock: its holders are short, and these
  // slabs have no other place left.
  while (rest !== 0) rest = put_partials(cache, rest, mode);
}

export function request_address(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("request");
}

/** KmemCacheCpu.request: flush the cpu slab and the percpu partial slabs. */
const ASK_SLABS: u32 = 1;
/** Flush the sheaves (slab/sheaf_flush.ts). */
const ASK_SHEAVES: u32 = 2;

/** Ask the CPU of `c` to flush it at its next slow path. Context: any. */
export function ask_to_flush(c: KmemCacheCpu): void {
  write_once(request_address(c), ASK_SLABS | ASK_SHEAVES);
}

/**
 * @returns true if another CPU asked for `what`, for the last time: it counts as done. Ends: a
 * retry means that somebody asked meanwhile.
 */
function was_asked(cache: KmemCache, what: u32): bool {
  const request = request_address(this_cpu_cache(cache));
  while (true) {
    const seen = read_once(request);
    if ((seen & what) === 0) return false;
    if (cmpxchg(request, seen, seen & ~what) === seen) return true;
  }
}

/** @returns true if another CPU asked this one to flush its sheaves; see was_asked(). */
export function asked_for_sheaves(cache: KmemCache): bool {
  return was_asked(cache, ASK_SHEAVES);
}

/** @returns true if another CPU asked this one to flush `cache`. Context: any. */
export function is_asked_to_flush(cache: KmemCache): bool {
  return (read_once(request_address(this_cpu_cache(cache))) & ASK_SLABS) !== 0;
}

/**
 * Flush this CPU's part of `cache` if another CPU asked for it.
 *
 * Context: ordinary slow paths, no lock held.
 */
export function flush_if_asked(cache: KmemCache, mode: u32): void {
  if (was_asked(cache, ASK_SLABS)) flush_this_cpu(cache, mode);
}

/**
 * Take away what another CPU holds of `cache`, without its lock, which only it can take.
 *
 * Context: task; that CPU is in no call on this cache, and will not be.
 */
export function flush_cpu_of(area: CpuArea, cache: KmemCache, mode: u32): void {
  const c = cpu_cache_of(area, cache);
  const slab = detach_cpu_slab(c);
  if (slab !== 0) {
    deactivate_and_drain(cache, changetype<Slab>(slab), mode);
    stat(cache, CPUSLAB_FLUSH);
  }
  flush_partials(cache, c, mode);
}
