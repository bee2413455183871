/**
 * Pages: nobody writes into what is free, nor outside the heap.
 *
 * A block belongs to somebody from the moment in which its descriptor says so until it says that
 * it is free. Loads are not judged: a pop may read the link of an object that is gone, and forgets
 * it when its cmpxchg fails.
 */
import type { Machine } from "../core/machine.js";
import { PG_BUDDY, PG_DEFERRED, PG_INFLIGHT, PG_NONE, PG_PCP } from "../../heap/constants.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { CONTENT, type HeapWords, OUTSIDE, PAGE_KIND } from "./heap-words.js";

/** Below this lies what callers pass by address: names, arrays, reports. */
const ARGUMENTS_END = 4096;

const FREE: ReadonlySet<number> = new Set([PG_NONE, PG_BUDDY, PG_PCP, PG_DEFERRED]);

export class PageJudge extends FieldJudge {
  readonly watches = [CONTENT, OUTSIDE, PAGE_KIND];
  /** By page frame number: 1 if it is free. */
  readonly #free: Uint8Array;
  readonly #atStart: Uint8Array;

  constructor(machine: Machine, heap: HeapWords) {
    super(machine, heap);
    this.#free = new Uint8Array(heap.endPfn);
    this.#atStart = new Uint8Array(heap.endPfn);
    for (let pfn = heap.firstPfn; pfn < heap.endPfn; pfn++) {
      const page = heap.pageOf(pfn);
      const kind = heap.field(page, "kind");
      if (kind === PG_NONE || !FREE.has(kind)) continue;
      this.#atStart.fill(1, pfn, pfn + 2 ** heap.field(page, "order"));
    }
  }

  override begin(): void {
    this.#free.set(this.#atStart);
  }

  override touches(touch: Touch): void {
    if (!touch.writes) return;
    if (touch.what === OUTSIDE) {
      if (touch.address < ARGUMENTS_END) return;
      this.report("page", `writes to ${hex(touch.address)}, outside the heap`, touch);
    } else if (touch.what === CONTENT && this.#free[touch.address >>> 12] === 1) {
      this.report("page", `writes to ${hex(touch.address)}, in a page that is free`, touch);
    }
  }

  override wrote({ what, base, before, after }: Touch): void {
    if (what !== PAGE_KIND) return;
    const pfn = this.heap.pfnOf(base);
    const end = pfn + 2 ** this.heap.field(base, "order");
    if (after === PG_INFLIGHT) this.#free.fill(0, pfn, end);
    else if (FREE.has(after) && !FREE.has(before)) this.#free.fill(1, pfn, end);
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
