/**
 * The loads of a trace, one CPU's part of each.
 *
 * `mixed`: each CPU keeps up to 512 objects, of kmalloc() sizes that fall off as programs' do and
 * of two caches. Every 8th object that goes is exchanged for one that another CPU left, every 16th
 * call is a nolock one, and every 64th step an object is freed in an NMI.
 *
 * `storm`: in bursts of 64, each CPU allocates objects of 256 bytes, exchanges them for those of
 * others, and frees what it got in one NMI by kfreeNolock(): nearly all of it has to be deferred.
 */
import type { Cpu } from "../../heap/cpu.js";
import type { KmemCache } from "../../heap/kmem-cache.js";
import type { Xorshift } from "../verify/xorshift.js";
import { programSize } from "../operations/sizes.js";
import type { Recorder } from "./trace-recorder.js";

export const TRACE_LOADS = ["mixed", "storm"] as const;
export type TraceLoad = (typeof TRACE_LOADS)[number];

/** Words through which CPUs exchange addresses; 0: empty. */
export const EXCHANGE_SLOTS = 256;
const KEEP = 512;
const BURST = 64;
const STORM_BYTES = 256;

export class TraceActor {
  /** Objects this CPU allocated less those it freed: below zero where it frees others'. */
  objects = 0;
  readonly #cpu: Cpu;
  readonly #caches: readonly KmemCache[];
  readonly #random: Xorshift;
  readonly #exchange: Int32Array;
  readonly #recorder: Recorder;
  readonly #held: number[] = [];

  constructor(parts: {
    readonly cpu: Cpu;
    readonly caches: readonly KmemCache[];
    readonly random: Xorshift;
    readonly exchange: Int32Array;
    readonly recorder: Recorder;
  }) {
    this.#cpu = parts.cpu;
    this.#caches = parts.caches;
    this.#random = parts.random;
    this.#exchange = parts.exchange;
    this.#recorder = parts.recorder;
  }

  /** A little of the load: some dozens of calls. */
  run(load: TraceLoad): void {
    if (load === "storm") this.#burst();
    else for (let step = 0; step < BURST; step++) this.#mix(step);
    this.#cpu.poll();
  }

  #mix(step: number): void {
    const random = this.#random;
    if (random.below(KEEP) >= this.#held.length) {
      const address = this.#allocate();
      if (address !== 0) this.#keep(address);
      return;
    }
    const address = this.#held.pop() ?? 0;
    const gone = random.below(8) === 0 ? this.#swap(address) : address;
    if (step === 0) this.#nmi(() => this.#cpu.kfreeNolock(gone));
    else if (random.below(16) === 0) this.#cpu.kfreeNolock(gone);
    else this.#cpu.kfree(gone);
    if (gone !== 0) this.objects--;
  }

  #allocate(): number {
    const random = this.#random;
    const cache = this.#caches[random.below(2 * this.#caches.length)];
    const nolock = random.below(16) === 0;
    if (cache !== undefined) return nolock ? cache.allocNolock() : cache.alloc();
    const size = programSize(1 + random.below(16), random.next());
    return nolock ? this.#cpu.kmallocNolock(size) : this.#cpu.kmalloc(size);
  }

  #burst(): void {
    const got: number[] = [];
    for (let made = 0; made < BURST; made++) {
      const address = this.#cpu.kmalloc(STORM_BYTES);
      if (address === 0) break;
      this.objects++;
      const other = this.#swap(address);
      if (other !== 0) got.push(other);
    }
    this.#nmi(() => {
      for (const address of got) this.#cpu.kfreeNolock(address);
    });
    this.objects -= got.length;
  }

  #keep(address: number): void {
    this.objects++;
    const place = this.#random.below(this.#held.length + 1);
    const other = this.#held[place];
    if (other === undefined) this.#held.push(address);
    else {
      this.#held[place] = address;
      this.#held.push(other);
    }
  }

  /** Leave an object for another CPU. @returns the one that lay there, or 0 */
  #swap(address: number): number {
    return Atomics.exchange(this.#exchange, this.#random.below(EXCHANGE_SLOTS), address) >>> 0;
  }

  #nmi(work: () => void): void {
    const sinceUs = this.#recorder.nowUs();
    this.#cpu.nmi(work);
    this.#recorder.nmi(sinceUs);
  }
}
