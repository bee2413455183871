/**
 * Local locks: each guards data of one CPU (kernel: local_trylock_t,
 * include/linux/local_lock_internal.h), in two flavours that are an option of the heap.
 *
 * **Not RT** (`rt: false`): only its own CPU looks at the word, so it is a plain store: "held"
 * means that this very CPU is in the middle of such a section, and then it stays held for the
 * whole of a nested call. Once it was seen free it cannot become held before the nested call
 * returns, because whoever nests deeper releases before returning.
 *
 * **RT**: the section is preemptible, so the word names the *task* that owns it and passes by
 * cmpxchg; a task that finds it owned by another sleeps. Hence two questions that are one without
 * RT: "is it locked?" means "by me?" (only then would waiting never end), and trylock may fail
 * although nobody here is inside, because another task of this CPU is.
 *
 * A section is irq-off without RT; with RT the same count stands for migrate_disable(). The local
 * locks of caches are released by slab/section.ts, since irq_work may be due there.
 */
import { BUG_ON } from "../base/bug";
import { HEAP_RT, LOCK_TRY } from "../base/config";
import { KmemCacheCpu } from "../base/layout";
import { IRQ_OFF, context_enter, context_exit, is_hooked, preemptible } from "./context";
import { lockdep_acquired, lockdep_release } from "./lockdep";
import { cpu_area, header } from "./percpu";
import { spin_lock_as, spin_owner, spin_unlock } from "./spinlock";
import { TRACE_HELD, TRACE_UNLOCK, trace } from "./trace";

/**
 * @returns true if local locks of this heap are owned by tasks. Its CPUs are hooked, so that the
 * others ask no more than their own context word. Context: any.
 */
export function is_rt(): bool {
  return is_hooked() && (header().options & HEAP_RT) !== 0;
}

/** @returns the address of the local lock of `c`. */
export function cpu_cache_lock(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("lock");
}

/**
 * @returns true if this CPU (RT: the task that runs on it) is inside the section of `lock`.
 * Context: any. Kernel: local_lock_is_locked(), 6.18.
 */
export function local_lock_is_locked(lock: usize): bool {
  if (load<u32>(lock) === 0) return false;
  return !is_rt() || spin_owner(lock) === cpu_area().current;
}

/**
 * Enter the section of `lock`. Context: local_lock_is_locked(lock) was false; RT: preemptible,
 * may wait for another task of this CPU. Kernel: local_lock_irqsave().
 */
export function local_lock_irqsave(lock: usize): void {
  BUG_ON(local_lock_is_locked(lock));
  const area = cpu_area();
  if (is_rt()) {
    // A CPU that may not sleep spins: its other task is off its core for a bounded time.
    while (!spin_lock_as(lock, area.task_mode, area.current)) {}
    return;
  }
  enter_section(lock, area.current);
}

/**
 * Enter the section of `lock` if it is free. RT: never in irq and NMI, and it may fail because
 * another task of this CPU is inside. Context: any. Kernel: local_trylock_irqsave().
 */
export function local_trylock_irqsave(lock: usize): bool {
  const area = cpu_area();
  if (is_rt()) return preemptible() && spin_lock_as(lock, LOCK_TRY, area.current);
  if (load<u32>(lock) !== 0) return false;
  enter_section(lock, area.current);
  return true;
}

/** Nobody ever waits for this lock, so no order is broken by taking it (sync/lockdep.ts). */
function enter_section(lock: usize, token: u32): void {
  context_enter(IRQ_OFF);
  store<u32>(lock, token);
  lockdep_acquired(lock);
  trace(TRACE_HELD, lock, 0, 0);
}

/** Leave the section. Whoever may owe irq_work a run calls slab/section.ts instead. */
export function local_unlock_section(lock: usize): void {
  if (is_rt()) {
    spin_unlock(lock);
    return;
  }
  trace(TRACE_HELD, lock, 0, 0);
  lockdep_release(lock);
  store<u32>(lock, 0);
  context_exit(IRQ_OFF);
  trace(TRACE_UNLOCK, lock, 0, 0);
}
