/**
 * The lock of one KmemCacheCpu (kernel: local_trylock_t, include/linux/local_lock_internal.h).
 *
 * Only its own CPU looks at it, so it is a plain word: "held" means that this very CPU is in the
 * middle of such a section, and then it stays held for the whole of a nested call. Once it was
 * seen free it cannot become held before the nested call returns, because whoever nests deeper
 * releases before returning. A section is irq-off; slab/section.ts ends it, since irq_work may
 * be due there.
 */
import { BUG_ON } from "../base/bug";
import { KmemCacheCpu } from "../base/layout";
import { IRQ_OFF, context_enter } from "./context";
import { cpu_token } from "./percpu";

/** @returns true if this CPU is inside the section of `c`. Context: any. */
export function local_lock_is_locked(c: KmemCacheCpu): bool {
  return c.lock !== 0;
}

/** Enter the section of `c`. Context: local_lock_is_locked(c) was false. */
export function local_lock_irqsave(c: KmemCacheCpu): void {
  context_enter(IRQ_OFF);
  BUG_ON(c.lock !== 0);
  c.lock = cpu_token();
}
