/**
 * onTrace: the trace points of one CPU as objects, for handlers in JavaScript.
 *
 * A handler runs in the middle of a call of its CPU, as a BPF program does, locks held or not. It
 * may call back into that CPU with nolock calls; ordinary ones behave as nolock there. It is not
 * entered again while it runs (kernel: the `active` count of a BPF program); what happens meanwhile
 * is dropped and counted. What it throws cannot cross the wasm: it is kept, and thrown by the
 * library call that was running when that returns (thrown.ts).
 */
import { STAT_ITEMS, type StatItem } from "./stat-items.js";
import {
  TRACE_CONTENTION_BEGIN,
  TRACE_CONTENTION_END,
  TRACE_DEFER,
  TRACE_DEFER_SLAB,
  TRACE_DRAIN,
  TRACE_HELD,
  TRACE_KFREE,
  TRACE_KMALLOC,
  TRACE_KMEM_CACHE_ALLOC,
  TRACE_KMEM_CACHE_FREE,
  TRACE_SLAB_ALLOC,
  TRACE_SLAB_FREE,
  TRACE_UNLOCK,
} from "./trace-events.js";
import { checkDone } from "./synchronous.js";
import type { Thrown } from "./thrown.js";
import type { HeapView } from "./view.js";

/** What every event says, whatever it is. */
export interface Traced<Name extends string> {
  /** Which trace point, by its kernel name. */
  readonly event: Name;
  /** The CPU that passed the trace point. */
  readonly cpu: number;
}

/** An event about a cache; its name is looked up when it is read. */
export interface OfCache {
  /** The name of the cache. */
  readonly cache: string;
  /** Where its descriptor is: costs nothing to read, and names the cache while it exists. */
  readonly cacheAddress: number;
}

/** kmalloc() returned; 0: out of memory. kmalloc_nolock() says nothing, as in the kernel. */
export interface KmallocEvent extends Traced<"kmalloc"> {
  /** Address of the object. */
  readonly address: number;
  /** Bytes that were asked for. */
  readonly size: number;
  /** The flags of the call. */
  readonly flags: number;
}

/** kfree() begins. */
export interface KfreeEvent extends Traced<"kfree"> {
  /** Address of the object. */
  readonly address: number;
}

/** kmem_cache_alloc() returned. */
export interface CacheAllocEvent extends Traced<"kmem_cache_alloc">, OfCache {
  /** 0: out of memory. */
  readonly address: number;
  /** The flags of the call. */
  readonly flags: number;
}

/** kmem_cache_free() begins. */
export interface CacheFreeEvent extends Traced<"kmem_cache_free">, OfCache {
  /** Address of the object. */
  readonly address: number;
}

/** A slab came from the page allocator, or goes back. */
export interface SlabEvent extends Traced<"slab_alloc" | "slab_free">, OfCache {
  /** Address of the slab's descriptor. */
  readonly slab: number;
  /** log2 of its pages. */
  readonly order: number;
}

/** A lock was not free at once. */
export interface ContentionBeginEvent extends Traced<"contention_begin"> {
  /** Address of the lock's word. */
  readonly lock: number;
  /** How hard it is tried for: once, for a bounded time, until it is had. */
  readonly mode: "try" | "bounded" | "wait";
}

/** The wait is over. */
export interface ContentionEndEvent extends Traced<"contention_end"> {
  /** Address of the lock's word. */
  readonly lock: number;
  /** Whether the lock was had. */
  readonly acquired: boolean;
}

/** An object cannot be freed right away and waits. */
export interface DeferEvent extends Traced<"defer">, OfCache {
  /** Address of the object. */
  readonly address: number;
}

/** A slab waits for irq_work. */
export interface DeferSlabEvent extends Traced<"defer_slab">, OfCache {
  /** Address of the slab's descriptor. */
  readonly slab: number;
}

/** A list of deferred objects was taken and all of it freed. */
export interface DrainEvent extends Traced<"drain">, OfCache {
  /** Objects on the list; `cache` is that of the last. */
  readonly objects: number;
  /** Who took it: the counter that counts it. */
  readonly trigger: StatItem;
}

/** A lock was just taken or is about to be released, or was just released. */
export interface LockEvent extends Traced<"held" | "unlock"> {
  /** Address of the lock's word. */
  readonly lock: number;
}

/** What a trace point tells. */
export type TraceEvent =
  | KmallocEvent
  | KfreeEvent
  | CacheAllocEvent
  | CacheFreeEvent
  | SlabEvent
  | ContentionBeginEvent
  | ContentionEndEvent
  | DeferEvent
  | DeferSlabEvent
  | DrainEvent
  | LockEvent;

/** Gets the trace points of one CPU. */
export type OnTrace = (event: TraceEvent) => void;

/** One CPU's handler, and what became of it. */
export class Tracer {
  /** Events that were passed while the handler ran. */
  dropped = 0;
  readonly #handler: OnTrace;
  readonly #view: HeapView;
  /** null until the CPU is attached: nobody to trace. */
  #cpu: number | null = null;
  #isActive = false;
  readonly #thrown: Thrown;

  constructor(handler: OnTrace, view: HeapView, thrown: Thrown) {
    this.#handler = handler;
    this.#view = view;
    this.#thrown = thrown;
  }

  /** Trace from here on. */
  attach(cpu: number): void {
    this.#cpu = cpu;
  }

  /** Pass a trace point. Never throws: it is called from the middle of the wasm. */
  trace(event: number, a: number, b: number, c: number): void {
    if (this.#cpu === null) return;
    if (this.#isActive) {
      this.dropped++;
      return;
    }
    this.#isActive = true;
    try {
      checkDone("onTrace", this.#handler(makeEvent(this.#view, this.#cpu, event, a, b, c)));
    } catch (error) {
      this.#thrown.keep(error);
    } finally {
      this.#isActive = false;
    }
  }

  /** Run something that is not traced. */
  quietly(work: () => void): void {
    const wasActive = this.#isActive;
    this.#isActive = true;
    try {
      work();
    } finally {
      this.#isActive = wasActive;
    }
  }
}

const MODES = ["try", "bounded", "wait"] as const;

function makeEvent(
  view: HeapView,
  cpu: number,
  event: number,
  a: number,
  b: number,
  c: number,
): TraceEvent {
  switch (event) {
    case TRACE_KMALLOC:
      return { event: "kmalloc", cpu, address: a, size: b, flags: c };
    case TRACE_KFREE:
      return { event: "kfree", cpu, address: a };
    case TRACE_KMEM_CACHE_ALLOC:
      return named(view, b, { event: "kmem_cache_alloc", cpu, address: a, flags: c });
    case TRACE_KMEM_CACHE_FREE:
      return named(view, b, { event: "kmem_cache_free", cpu, address: a });
    case TRACE_SLAB_ALLOC:
      return named(view, b, { event: "slab_alloc", cpu, slab: a, order: c });
    case TRACE_SLAB_FREE:
      return named(view, b, { event: "slab_free", cpu, slab: a, order: c });
    case TRACE_CONTENTION_BEGIN:
      return { event: "contention_begin", cpu, lock: a, mode: MODES[b] ?? "try" };
    case TRACE_CONTENTION_END:
      return { event: "contention_end", cpu, lock: a, acquired: b !== 0 };
    case TRACE_DEFER:
      return named(view, b, { event: "defer", cpu, address: a });
    case TRACE_DEFER_SLAB:
      return named(view, b, { event: "defer_slab", cpu, slab: a });
    case TRACE_DRAIN: {
      const trigger = STAT_ITEMS[c] ?? "DEFER_DRAINED";
      return named(view, b, { event: "drain", cpu, objects: a, trigger });
    }
    case TRACE_HELD:
      return { event: "held", cpu, lock: a };
    case TRACE_UNLOCK:
      return { event: "unlock", cpu, lock: a };
    default:
      throw new Error(`expected a known trace point, got ${event}; is the wasm of this version?`);
  }
}

/** Add the name of the cache at `address`, to be read from the heap by whoever asks. */
function named<T extends object>(view: HeapView, address: number, event: T): T & OfCache {
  let name: string | undefined;
  const addressed = Object.assign(event, { cacheAddress: address });
  return Object.defineProperty(addressed, "cache", {
    enumerable: true,
    get: () => {
      if (name === undefined) {
        view.refresh();
        const index = view.cacheIndexOf(address);
        name = index < 0 ? "?" : view.cache(index).name;
      }
      return name;
    },
  }) as T & OfCache;
}
