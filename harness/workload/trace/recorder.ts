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
        return ring.count(kind);
      case "kmalloc":
        return ring.write(kind, this.nowUs(), event.address, event.size, event.flags);
      case "kfree":
        return ring.write(kind, this.nowUs(), event.address, 0, 0);
      case "kmem_cache_alloc":
        return ring.write(kind, this.nowUs(), event.address, event.cacheAddress, event.flags);
      case "kmem_cache_free":
      case "defer":
        return ring.write(kind, this.nowUs(), event.address, event.cacheAddress, 0);
      case "slab_alloc":
      case "slab_free":
        return ring.write(kind, this.nowUs(), event.slab, event.cacheAddress, event.order);
      case "defer_slab":
        return ring.write(kind, this.nowUs(), event.slab, event.cacheAddress, 0);
      case "contention_begin":
        return ring.write(kind, this.nowUs(), event.lock, MODES.indexOf(event.mode), 0);
      case "contention_end":
        return ring.write(kind, this.nowUs(), event.lock, Number(event.acquired), 0);
      case "drain": {
        const trigger = STAT_ITEMS.indexOf(event.trigger);
        return ring.write(kind, this.nowUs(), event.objects, event.cacheAddress, trigger);
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
