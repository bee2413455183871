/**
 * lockdep: does every lock come in the order that slab/README.md gives? (SLUB_DEBUG builds; in
 * others all of this is nothing.)
 *
 * Each CPU keeps a stack of the locks it holds. A lock's class follows from its address. What is
 * asked with one try can neither deadlock nor make anybody wait, so only locks that are waited for
 * are judged: not against the order, not a second time, not in a nolock call. A violation is told
 * to the host and nothing else happens: the order may be wrong although this run got through.
 * Kernel: kernel/locking/lockdep.c, in spirit.
 */
import { DEFER_TO_NOWHERE, LOCK_TRY, MAX_NODES } from "../base/config";
import { call_lockdep } from "../base/host";
import { CACHE_TABLE, HeapHeader, KmemCacheCpu, ZONES, ZONE_SIZE } from "../base/layout";
import {
  CPU_CACHES,
  CPU_HELD_LOCKS,
  CPU_RCU,
  CpuArea,
  HeldLocks,
  MAX_HELD_LOCKS,
  RcuData,
} from "../base/layout_percpu";
import { in_nolock } from "./context";
import { header, heap_base, this_cpu } from "./percpu";

// Classes in the order in which they nest.
export const LOCK_CLASS_SLAB_MUTEX: u32 = 1;
export const LOCK_CLASS_RCU: u32 = 2;
export const LOCK_CLASS_GROW: u32 = 3;
export const LOCK_CLASS_LIST: u32 = 4;
export const LOCK_CLASS_LOCAL: u32 = 5;
export const LOCK_CLASS_SLAB: u32 = 6;
export const LOCK_CLASS_STOCK: u32 = 7;
export const LOCK_CLASS_PCP: u32 = 8;
export const LOCK_CLASS_ZONE: u32 = 9;
export const LOCK_CLASS_BARN: u32 = 10;

// What is told to the host.
/** A lock is waited for while one is held that comes after it. */
export const LOCKDEP_CIRCULAR: u32 = 1;
/** A lock is waited for by the CPU that holds it, or beside another of its class. */
export const LOCKDEP_RECURSIVE: u32 = 2;
/** A lock is waited for in a nolock call, an NMI or a callback. */
export const LOCKDEP_NOLOCK_WAITS: u32 = 3;
/** A lock is released that this CPU does not hold. */
export const LOCKDEP_UNBALANCED: u32 = 4;
/** A lock is held where it must not be (v1: local_lock_irqsave_check()). */
export const LOCKDEP_HELD: u32 = 5;
/** More locks are held than there should ever be. */
export const LOCKDEP_TOO_DEEP: u32 = 6;

/** @returns LOCK_CLASS_* of the lock word at `lock`. */
function class_of(lock: usize): u32 {
  const head = header();
  const offset = lock - heap_base;
  if (offset === offsetof<HeapHeader>("slab_mutex")) return LOCK_CLASS_SLAB_MUTEX;
  if (offset === offsetof<HeapHeader>("grow_lock")) return LOCK_CLASS_GROW;
  if (offset === offsetof<HeapHeader>("rcu_lock")) return LOCK_CLASS_RCU;
  if (offset < ZONES + ZONE_SIZE * MAX_NODES) return LOCK_CLASS_ZONE;
  if (offset >= CACHE_TABLE && lock < <usize>head.cpu_areas) return LOCK_CLASS_LIST;
  if (head.node_barns !== 0 && lock >= <usize>head.node_barns) return LOCK_CLASS_BARN;
  if (lock >= <usize>head.mem_map) return LOCK_CLASS_SLAB;
  const inside = (lock - <usize>head.cpu_areas) % <usize>head.cpu_area_size;
  if (inside >= CPU_CACHES + offsetof<KmemCacheCpu>("lock")) return LOCK_CLASS_LOCAL;
  if (inside === CPU_RCU + offsetof<RcuData>("lock")) return LOCK_CLASS_RCU;
  return inside === offsetof<CpuArea>("pcp_lock") ? LOCK_CLASS_PCP : LOCK_CLASS_STOCK;
}

function held_locks(): HeldLocks {
  return changetype<HeldLocks>(this_cpu + CPU_HELD_LOCKS);
}

function slot(index: u32): usize {
  return this_cpu + CPU_HELD_LOCKS + offsetof<HeldLocks>("first") + ((<usize>index) << 2);
}

/** @returns true if this CPU holds `lock`. */
function holds(lock: usize): bool {
  const depth = held_locks().depth;
  for (let i: u32 = 0; i < depth; i++) if (<usize>load<u32>(slot(i)) === lock) return true;
  return false;
}

/** Judge a lock that is about to be waited for. */
function check_wait(lock: usize): void {
  const wanted = class_of(lock);
  if (wanted === LOCK_CLASS_LOCAL) {
    // Waited for with RT only, there by nolock calls too, and inside that of another cache: each
    // is a class of its own, as in the kernel.
    if (holds(lock)) call_lockdep(LOCKDEP_RECURSIVE, lock, lock);
    return;
  }
  // The arm `none` is the floor of an experiment: it waits where it must not, and says so. A slab
  // lock may be waited for by irq_work at the end of an NMI: it is never this CPU's then, because
  // its section is irq-off, and it is a few accesses long (kernel: slab_lock() spins too).
  const judged = wanted !== LOCK_CLASS_SLAB && header().defer_place !== DEFER_TO_NOWHERE;
  if (judged && in_nolock()) call_lockdep(LOCKDEP_NOLOCK_WAITS, lock, 0);
  const depth = held_locks().depth;
  for (let i: u32 = 0; i < depth; i++) {
    const held = <usize>load<u32>(slot(i));
    const found = class_of(held);
    if (found > wanted) call_lockdep(LOCKDEP_CIRCULAR, lock, held);
    // Of two classes several are held: zones in the order of their nodes, and the heap's queue of
    // what waits for a grace period inside a CPU's.
    const zones = wanted === LOCK_CLASS_ZONE && held < lock;
    const queues = lock === heap_base + offsetof<HeapHeader>("rcu_lock");
    const ordered = zones || (queues && held !== lock);
    if (found === wanted && !ordered) call_lockdep(LOCKDEP_RECURSIVE, lock, held);
  }
}

function push(lock: usize): void {
  const held = held_locks();
  if (held.depth >= MAX_HELD_LOCKS) {
    call_lockdep(LOCKDEP_TOO_DEEP, lock, 0);
    return;
  }
  store<u32>(slot(held.depth), <u32>lock);
  held.depth = held.depth + 1;
}

/** Locks need not be released in the order they were taken. */
function remove(lock: usize): void {
  const held = held_locks();
  for (let i = held.depth; i > 0; i--) {
    if (<usize>load<u32>(slot(i - 1)) !== lock) continue;
    for (let j = i; j < held.depth; j++) store<u32>(slot(j - 1), load<u32>(slot(j)));
    held.depth = held.depth - 1;
    return;
  }
  call_lockdep(LOCKDEP_UNBALANCED, lock, 0);
}

/** The lock at `lock` is about to be asked for, as hard as `mode`. Context: any. */
export function lockdep_acquire(lock: usize, mode: u32): void {
  if (isDefined(SLUB_DEBUG)) {
    if (mode !== LOCK_TRY) check_wait(lock);
  }
}

/** It is held now. Context: any. */
export function lockdep_acquired(lock: usize): void {
  if (isDefined(SLUB_DEBUG)) push(lock);
}

/** It is about to be released. Context: its owner. */
export function lockdep_release(lock: usize): void {
  if (isDefined(SLUB_DEBUG)) remove(lock);
}

/** `lock` must not be held by this CPU here. Context: any. */
export function lockdep_assert_not_held(lock: usize): void {
  if (isDefined(SLUB_DEBUG)) {
    if (holds(lock)) call_lockdep(LOCKDEP_HELD, lock, 0);
  }
}

/** This CPU starts with nothing held. Context: cpu_attach(). */
export function lockdep_reset(): void {
  if (isDefined(SLUB_DEBUG)) held_locks().depth = 0;
}
