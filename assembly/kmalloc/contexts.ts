/**
 * Contexts as the host enters them, and the explicit safe points.
 *
 * Nothing interrupts a Worker: an NMI is what the host calls one. Kernel: nmi_enter(),
 * irq_enter(), irq_work_sync().
 */
import { LOCK_TRY } from "../base/config";
import { CpuArea } from "../base/layout_percpu";
import { serve_growth } from "../page/grow";
import { irq_work_check } from "../slab/drain";
import { rcu_serve } from "../slab/rcu_serve";
import { flush_rcu_sheaves } from "../slab/rcu_sheaf";
import { has_sheaves } from "../slab/sheaf";
import {
  HARDIRQ,
  HOOKED,
  NMI,
  PREEMPT,
  context_enter,
  context_exit,
  lock_mode,
} from "../sync/context";
import { cpu_area } from "../sync/percpu";

/** Begin an NMI on this CPU: until nmi_exit() nothing waits. Nests up to 15 deep. */
export function nmi_enter(): void {
  context_enter(NMI);
}

/** End it; irq_work runs here if this was the outermost and no section was interrupted. */
export function nmi_exit(): void {
  context_exit(NMI);
  irq_work_check();
}

/** Begin an interrupt handler on this CPU. Nests up to 15 deep. */
export function irq_enter(): void {
  context_enter(HARDIRQ);
}

/** End it, as nmi_exit(). */
export function irq_exit(): void {
  context_exit(HARDIRQ);
  irq_work_check();
}

/** From here on the task must not be moved or put to sleep: calls behave as nolock. Nests. */
export function preempt_disable(): void {
  context_enter(PREEMPT);
}

/** End it; irq_work runs here if this was the outermost. */
export function preempt_enable(): void {
  context_exit(PREEMPT);
  irq_work_check();
}

/** Put the context back: what a host does after its handler threw. */
export function set_preempt_count(value: u32): void {
  const area = cpu_area();
  area.preempt_count = value | (area.preempt_count & HOOKED);
  irq_work_check();
}

/**
 * A safe point: run irq_work if it was raised, grow if a nolock caller asked for it, and free what
 * has waited for a grace period.
 */
export function poll(): void {
  irq_work_check();
  const mode = lock_mode();
  if (mode === LOCK_TRY) return;
  serve_growth(mode);
  if (has_sheaves()) flush_rcu_sheaves(cpu_area(), mode);
  rcu_serve();
}

/** Send the next deferral of this CPU to CPU `cpu`'s list (experiments: a migrated task). */
export function migrate_next_defer(cpu: u32): void {
  store<u32>(changetype<usize>(cpu_area()), cpu + 1, offsetof<CpuArea>("migrate_to"));
}
