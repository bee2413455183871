/**
 * Locks that several CPUs contend for: list_lock, the zone's, the page lists', growth,
 * slab_mutex.
 *
 * ```
 *  31       30                 0
 * | sleepers |   owner CPU + 1  |     0 = free
 * ```
 * The word names its owner and passes by cmpxchg, so that the lock of a CPU that died can be
 * found and broken. A waiter spins a bounded number of turns and then sleeps on the word, if it
 * may; the sleepers bit tells the owner to wake one of them.
 *
 * Holding one is an irq-off section: irq_work waits for its end, and an NMI that comes meanwhile
 * only tries (kernel: spin_lock_irqsave, spin_trylock_irqsave).
 */
import { LOCK_BOUNDED, LOCK_TRY } from "../base/config";
import { cmpxchg, cpu_relax, read_once, wait_on, wake_up, xchg } from "./atomic";
import { IRQ_OFF, context_enter, context_exit } from "./context";
import { lockdep_acquire, lockdep_acquired, lockdep_release } from "./lockdep";
import { cpu_token } from "./percpu";
import {
  TRACE_CONTENTION_BEGIN,
  TRACE_CONTENTION_END,
  TRACE_HELD,
  TRACE_UNLOCK,
  trace,
} from "./trace";

const SLEEPERS: u32 = 0x8000_0000;
/** Turns before a waiter sleeps: a few microseconds, longer than any section here. */
const SPINS_BEFORE_SLEEP: u32 = 2000;
/**
 * Turns a caller that must not sleep tries: bounded, so that an AudioWorklet keeps its time. On the
 * machine each turn is a step of everybody else.
 */
const SPINS_BOUNDED: u32 = isDefined(SLUB_MODEL) ? 20 : 20000;
/** Sleepers look again by themselves after this long, in nanoseconds. */
const SLEEP_NS: i64 = 10_000_000;

/**
 * Take the lock, trying as hard as `mode` (LOCK_*) allows.
 *
 * @returns true if it is held now. LOCK_WAIT always returns true. Context: LOCK_TRY any; the
 * others only where the same CPU cannot hold it already.
 */
export function spin_lock(lock: usize, mode: u32): bool {
  return spin_lock_as(lock, mode, cpu_token());
}

/**
 * Take the lock for what cannot do without it: only LOCK_TRY gives up, and a CPU that may not sleep
 * tries as long as it takes. Ends: the holder is on another thread, its sections are short.
 *
 * @returns true if it is held now. Context: as spin_lock().
 */
export function spin_lock_surely(lock: usize, mode: u32): bool {
  while (!spin_lock(lock, mode)) if (mode === LOCK_TRY) return false;
  return true;
}

/** spin_lock() for an owner other than this CPU: a task. @param token never 0, below 2^31 */
export function spin_lock_as(lock: usize, mode: u32, token: u32): bool {
  lockdep_acquire(lock, mode);
  context_enter(IRQ_OFF);
  if (cmpxchg(lock, 0, token) !== 0) {
    trace(TRACE_CONTENTION_BEGIN, lock, mode, 0);
    const done = mode !== LOCK_TRY && spin_lock_slow(lock, mode, token);
    trace(TRACE_CONTENTION_END, lock, <usize>done, 0);
    if (!done) {
      context_exit(IRQ_OFF);
      return false;
    }
  }
  lockdep_acquired(lock);
  trace(TRACE_HELD, lock, 0, 0);
  return true;
}

/** The contended half of spin_lock(). */
function spin_lock_slow(lock: usize, mode: u32, token: u32): bool {
  const limit = mode === LOCK_BOUNDED ? SPINS_BOUNDED : SPINS_BEFORE_SLEEP;
  for (let turn: u32 = 0; turn < limit; turn++) {
    if (read_once(lock) === 0 && cmpxchg(lock, 0, token) === 0) return true;
    cpu_relax(lock);
  }
  if (mode === LOCK_BOUNDED) return false;
  // Sleep. Whoever takes the lock from here on marks it as having sleepers, because it cannot
  // know whether it was the last: one wake too many is harmless, one too few is not.
  while (true) {
    const seen = read_once(lock);
    if (seen === 0) {
      if (cmpxchg(lock, 0, token | SLEEPERS) === 0) return true;
      continue;
    }
    const marked = seen | SLEEPERS;
    // The wait returns at once if the word is no longer `marked`.
    if (seen === marked || cmpxchg(lock, seen, marked) === seen) wait_on(lock, marked, SLEEP_NS);
  }
}

/** Let the lock go and wake one sleeper if there is any. Context: its owner. */
export function spin_unlock(lock: usize): void {
  trace(TRACE_HELD, lock, 0, 0);
  lockdep_release(lock);
  const old = xchg(lock, 0);
  if ((old & SLEEPERS) !== 0) wake_up(lock, 1);
  context_exit(IRQ_OFF);
  trace(TRACE_UNLOCK, lock, 0, 0);
}

/**
 * Make a dead owner's lock this CPU's (reap/). Nobody else changes the owner of a held lock, so
 * a miss is a waiter that marked it. Context: `dead` owns it, and no other CPU recovers that.
 */
export function spin_take_over(lock: usize, dead: u32): void {
  context_enter(IRQ_OFF);
  while (true) {
    const seen = read_once(lock);
    if (cmpxchg(lock, seen, seen - dead + cpu_token()) === seen) break;
  }
  lockdep_acquired(lock);
}

/** @returns the token of a lock's owner, or 0. Context: any. */
export function spin_owner(lock: usize): u32 {
  return read_once(lock) & ~SLEEPERS;
}
