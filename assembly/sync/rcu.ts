/**
 * Grace periods: how long something must wait that readers without locks may still look at.
 *
 * Read-side sections are explicit, in the style of userspace RCU: a CPU that is idle, or busy with
 * anything but a section, is quiescent, so nobody ever waits for an idle Worker.
 *
 * ```
 * reader                           reclaimer
 * R1  g = load rcu_gp              W1  unpublish the pointer
 * R2  store reader = g             W2  c = fetch_add(rcu_gp, 2)      start_grace_period()
 * R3  load the pointer, read       W3  each CPU: load reader until it is 0 or later than c
 * R4  store reader = 0             W4  free
 * ```
 * Law: after W3 no section that can have found the pointer is still open. All but the object's
 * bytes are sequentially consistent atomics - the pointer too, which users publish and read by
 * atomic accesses (kernel: rcu_assign_pointer(), rcu_dereference()) - so all steps lie in one
 * order. Take what W3 saw on a CPU:
 * - 0: R2 of any section still to be read there comes after W3, hence R3 after W1: not found. A
 *   plain store and load would not do: R3 could pass R2.
 * - later than c: its R1 came after W2, hence R3 after W1: not found. Sections before it are over.
 * - c or earlier: it may have found the pointer; W3 looks again. That includes a section whose R1
 *   lies far back and whose R2 came late: it is waited for although it need not be.
 * One look a CPU is enough, they need not agree on a moment. R4 that W3 reads from orders the
 * section's reads before the free.
 *
 * Numbers are odd, so that none is 0, and wrap: "later" is the sign of the difference, right while
 * fewer than 2^30 periods begin during one section. Every number taken during it stands for
 * something that cannot end before it does - a list of at least one page, or a CPU that sleeps -
 * and a heap has 2^20 pages and 256 CPUs. Kernel: kernel/rcu/, in spirit.
 */
import { BUG_ON } from "../base/bug";
import { LOCK_TRY, LOCK_WAIT } from "../base/config";
import { HeapHeader } from "../base/layout";
import { CPU_RCU, CpuArea, RcuData } from "../base/layout_percpu";
import { cpu_relax, fetch_add, read_once, wait_on, write_once } from "./atomic";
import { lock_mode } from "./context";
import { cpu_area, header, heap_base, per_cpu } from "./percpu";

/** Looks at all CPUs before a waiter sleeps, or gives up if it may not. */
const SPINS: u32 = 5000;
/** Sleepers look again after this long, in nanoseconds: leaving a section wakes nobody. */
const SLEEP_NS: i64 = 1_000_000;

function gp_address(): usize {
  return heap_base + offsetof<HeapHeader>("rcu_gp");
}

/** @returns the part of `area`'s CPU in grace periods. */
export function rcu_of(area: CpuArea): RcuData {
  return changetype<RcuData>(changetype<usize>(area) + CPU_RCU);
}

function reader_address(rcu: RcuData): usize {
  return changetype<usize>(rcu) + offsetof<RcuData>("reader");
}

/** @returns read-side sections that this CPU is in. Context: any. */
export function rcu_read_lock_held(): u32 {
  return rcu_of(cpu_area()).nesting;
}

/** Enter a read-side section: what it finds published stays until it ends. Nests. Context: any. */
export function rcu_read_lock(): void {
  const rcu = rcu_of(cpu_area());
  if (rcu.nesting === 0) write_once(reader_address(rcu), read_once(gp_address()));
  rcu.nesting = rcu.nesting + 1;
}

/** Leave it. Traps outside one. Context: the same as rcu_read_lock(). */
export function rcu_read_unlock(): void {
  const rcu = rcu_of(cpu_area());
  BUG_ON(rcu.nesting === 0);
  rcu.nesting = rcu.nesting - 1;
  if (rcu.nesting === 0) write_once(reader_address(rcu), 0);
}

/**
 * Begin a grace period for what is unpublished by now.
 *
 * Law: something waits for it, or the argument against wrap-around does not hold.
 * @returns its number, never 0. Context: any.
 */
export function start_grace_period(): u32 {
  return fetch_add(gp_address(), 2);
}

/** @returns address of the word of a reader that `period` waits for; 0 = it is over. */
function grace_period_blocker(period: u32): usize {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const address = reader_address(rcu_of(per_cpu(cpu)));
    const reader = read_once(address);
    if (reader !== 0 && <i32>(reader - period) <= 0) return address;
  }
  return 0;
}

/**
 * Wait for the end of a grace period; LOCK_TRY only looks.
 *
 * @returns false if it is not over and this CPU may not sleep, or is a reader itself.
 */
export function wait_for_grace_period(period: u32, mode: u32): bool {
  let turn: u32 = 0;
  // Ends when the readers leave: a section that is entered from now on has a later number.
  while (true) {
    const blocker = grace_period_blocker(period);
    if (blocker === 0) return true;
    if (mode === LOCK_TRY) return false;
    if (++turn < SPINS) {
      cpu_relax(blocker);
    } else {
      if (mode !== LOCK_WAIT || rcu_read_lock_held() !== 0) return false;
      const reader = read_once(blocker);
      if (reader !== 0) wait_on(blocker, reader, SLEEP_NS);
    }
  }
}

/**
 * Wait until every section that is open now has ended.
 *
 * @returns false, at once, where that is impossible: in a section of this CPU, outside a plain
 * task, on a CPU that may not sleep. Context: any.
 */
export function synchronize_rcu(): bool {
  const mode = lock_mode();
  if (mode !== LOCK_WAIT || rcu_read_lock_held() !== 0) return false;
  return wait_for_grace_period(start_grace_period(), mode);
}
