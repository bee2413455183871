/**
 * The recorder: a handler of trace points that writes what happens into the CPU's ring.
 *
 * It runs in the middle of calls, locks held: it looks nothing up and allocates nothing in the
 * heap. That a lock is taken or released, by far the most frequent of all, it only counts.
 */
import { STAT_ITEMS } from "../../heap/stat-items.js";
import type { TraceEvent } from "../../heap/trace.js";
import type { TraceRing } from "./ring.js";

/** How hard a lock was tried for, by number. */
export const MODES = ["try", "bounded", "wait"] as const;

export class Recorder {
  readonly #ring: TraceRing;
  readonly #offsetUs: number;

  /** @param originMs `sharedNowMs()` at the beginning of the run, the same for all CPUs */
  constructor(ring: TraceRing, originMs: number) {
    this.#ring = ring;
    this.#offsetUs = (sharedNowMs() - performance.now() - originMs) * 1000;
  }

  /** Microseconds from the beginning of the run. */
  nowUs(): number {
    return performance.now() * 1000 + this.#offsetUs;
  }

  /** An NMI that began at `sinceUs` has ended. */
  nmi(sinceUs: number): void {
    this.#ring.write("nmi", this.nowUs(), sinceUs, 0, 0);
  }

  /** What the load counted. @param freePages -1: somebody else counts them */
  sample(freePages: number, objects: number): void {
    this.#ring.write("sample", this.nowUs(), freePages, objects, 0);
  }

  /** The handler. */
  readonly onTrace = (event: TraceEvent): void => {
    const ring = this.#ring;
    const kind = event.event;
    switch (kind) {
      case "held":
      case "unlock":
        ring.count(kind);
        return;
      case "kmalloc":
        ring.write(kind, this.nowUs(), event.address, event.size, event.flags);
        return;
      case "kfree":
        ring.write(kind, this.nowUs(), event.address, 0, 0);
        return;
      case "kmem_cache_alloc":
        ring.write(kind, this.nowUs(), event.address, event.cacheAddress, event.flags);
        return;
      case "kmem_cache_free":
      case "defer":
        ring.write(kind, this.nowUs(), event.address, event.cacheAddress, 0);
        return;
      case "slab_alloc":
      case "slab_free":
        ring.write(kind, this.nowUs(), event.slab, event.cacheAddress, event.order);
        return;
      case "defer_slab":
        ring.write(kind, this.nowUs(), event.slab, event.cacheAddress, 0);
        return;
      case "contention_begin":
        ring.write(kind, this.nowUs(), event.lock, MODES.indexOf(event.mode), 0);
        return;
      case "contention_end":
        ring.write(kind, this.nowUs(), event.lock, Number(event.acquired), 0);
        return;
      case "drain": {
        const trigger = STAT_ITEMS.indexOf(event.trigger);
        ring.write(kind, this.nowUs(), event.objects, event.cacheAddress, trigger);
        return;
      }
    }
  };
}

/**
 * Milliseconds of a clock that all threads of this process share. performance.now() counts from
 * the start of its own thread, which timeOrigin tells to a millisecond only; without
 * process.hrtime() that has to do.
 */
export function sharedNowMs(): number {
  const { process } = globalThis as { process?: { hrtime?: () => [number, number] } };
  const read = process?.hrtime?.();
  if (read === undefined) return performance.timeOrigin + performance.now();
  return read[0] * 1e3 + read[1] / 1e6;
}
