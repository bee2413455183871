/**
 * What this CPU is in the middle of (kernel: preempt_count, in_nmi(), irqs_disabled()).
 *
 * ```
 *  28     25    24    23      20 19       16 15    12 11      8 7        0
 * | preempt | hooked | nolock  | callback  |   nmi  | hardirq | irqs off |  preempt_count
 * ```
 * - irqs off: sections held by local lock or spinlock; irq_work waits for the outermost to end.
 * - hardirq, nmi: entered by the host through irq_enter(), nmi_enter().
 * - callback: the host runs a constructor in the middle of one of our calls.
 * - nolock: a nolock call is on its slow path.
 * - preempt: the host said that its task must not be moved or put to sleep (preempt_disable()).
 * - hooked: not a context. A CPU whose every call has something to ask first (failslab, RT, trace
 *   points) carries it always, so that the fast paths' one test of the word sends it the long way.
 *
 * 0, but for `hooked`, is a task outside everything: the only state in which an ordinary call may
 * wait. In all others an ordinary call behaves as its nolock twin.
 */
import { LOCK_TRY } from "../base/config";
import { cpu_area } from "./percpu";

export const IRQ_OFF: u32 = 1;
export const IRQ_OFF_MASK: u32 = 0xff;
export const HARDIRQ: u32 = 1 << 8;
export const HARDIRQ_MASK: u32 = 0xf << 8;
export const NMI: u32 = 1 << 12;
export const NMI_MASK: u32 = 0xf << 12;
export const CALLBACK: u32 = 1 << 16;
const CALLBACK_MASK: u32 = 0xf << 16;
export const NOLOCK: u32 = 1 << 20;
const NOLOCK_MASK: u32 = 0xf << 20;
export const HOOKED: u32 = 0x100_0000;
export const PREEMPT: u32 = 1 << 25;
const PREEMPT_MASK: u32 = 0xf << 25;

/** @returns the context, without `hooked`; 0 = a task that may wait. */
export function preempt_count(): u32 {
  return cpu_area().preempt_count & ~HOOKED;
}

/** @returns true if every call of this CPU has something to ask first. */
export function is_hooked(): bool {
  return (cpu_area().preempt_count & HOOKED) !== 0;
}

/**
 * @returns true if the task could be put to sleep here on an RT heap, whose locks do not keep it
 * from that (kernel: preemptible()).
 */
export function preemptible(): bool {
  return (preempt_count() & (HARDIRQ_MASK | NMI_MASK | PREEMPT_MASK)) === 0;
}

/** Enter one more level of `what`: one of the units above. */
export function context_enter(what: u32): void {
  const area = cpu_area();
  area.preempt_count = area.preempt_count + what;
}

/** Leave one level of `what`. */
export function context_exit(what: u32): void {
  const area = cpu_area();
  area.preempt_count = area.preempt_count - what;
}

/** @returns true inside an irq-off section of this CPU. */
export function irqs_disabled(): bool {
  return (preempt_count() & IRQ_OFF_MASK) !== 0;
}

/** @returns true in an irq or NMI handler. */
export function in_interrupt(): bool {
  return (preempt_count() & (HARDIRQ_MASK | NMI_MASK)) !== 0;
}

/** @returns true where nobody may wait: in NMI, a callback, a nolock call, preempt_disable(). */
export function in_nolock(): bool {
  return (preempt_count() & (NMI_MASK | CALLBACK_MASK | NOLOCK_MASK | PREEMPT_MASK)) !== 0;
}

/** @returns how hard the code that runs now may try for a lock: LOCK_*. */
export function lock_mode(): u32 {
  return preempt_count() === 0 ? cpu_area().task_mode : LOCK_TRY;
}

/**
 * @returns the same at the end of a section: what irq_work may do there. The section itself is
 * over, so only an interrupt, a callback or a nolock call still forbids waiting.
 */
export function irq_work_mode(): u32 {
  const outside = preempt_count() & ~IRQ_OFF_MASK;
  return outside === 0 ? cpu_area().task_mode : LOCK_TRY;
}
