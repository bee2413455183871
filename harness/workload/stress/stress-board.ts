/**
 * What the CPUs of a stress tell while they run, in shared memory: counts, the last operations of
 * each, and the first finding. Whoever started them reads it, also when they did not come back.
 *
 * Each CPU writes rows of its own, without atomics; they are read when all have ended, or, after a
 * failure, as they are.
 */
import { FINDING_KINDS, type FoundFinding } from "../verify/finding.js";
import { COUNTERS, OPERATIONS, type OperationCounts, type StressCounts } from "./kinds.js";

/** Operations of each CPU that are remembered. */
export const LOG_OPERATIONS = 256;
/** number, operation and context, address, size, result, state; the rest rounds up. */
const RECORD_WORDS = 8;

const HALTED = 0;
const CLAIMED = 1;
const WRITTEN = 2;
const FINDING_CPU = 3;
const FINDING_KIND = 4;
const FINDING_OPERATION = 5;
const FINDING_BYTES = 6;
const HEAD_WORDS = 16;
const TEXT_BYTES = 4096;

const RUNNING = 1;
const DONE = 2;

/** Where an operation ran, as bits: several may hold. */
export const IN_IRQ = 1;
export const IN_NMI = 2;
export const IN_READ_SECTION = 4;

export interface LoggedOperation {
  readonly number: number;
  readonly operation: string;
  readonly contexts: number;
  readonly address: number;
  readonly size: number;
  readonly result: number;
  /** Whether the call came back. */
  readonly isDone: boolean;
}

export interface BoardFinding extends FoundFinding {
  readonly cpu: number;
}

export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly cpus: number;
  readonly #head: Int32Array;
  readonly #text: Uint8Array;

  /** @param buffer that of another thread's board; left out: a new one */
  constructor(cpus: number, buffer = new SharedArrayBuffer(bytesOf(cpus))) {
    this.cpus = cpus;
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, HEAD_WORDS);
    this.#text = new Uint8Array(buffer, HEAD_WORDS * 4, TEXT_BYTES);
  }

  /** Whether somebody found something: everybody stops where they are. */
  get isHalted(): boolean {
    return Atomics.load(this.#head, HALTED) !== 0;
  }

  /** Keep a finding, the first of all CPUs, and halt them. */
  halt(cpu: number, { kind, message, operation }: FoundFinding): void {
    const head = this.#head;
    if (Atomics.compareExchange(head, CLAIMED, 0, 1) === 0) {
      head[FINDING_CPU] = cpu;
      head[FINDING_KIND] = FINDING_KINDS.indexOf(kind);
      head[FINDING_OPERATION] = operation;
      // Encoded elsewhere first: browsers encode into no shared memory.
      const bytes = new TextEncoder().encode(message).subarray(0, TEXT_BYTES);
      this.#text.set(bytes);
      head[FINDING_BYTES] = bytes.length;
      Atomics.store(head, WRITTEN, 1);
    }
    Atomics.store(head, HALTED, 1);
  }

  /** The finding that was kept, or null. */
  finding(): BoardFinding | null {
    const head = this.#head;
    if (Atomics.load(head, WRITTEN) === 0) return null;
    const message = new TextDecoder().decode(this.#text.slice(0, head[FINDING_BYTES]));
    const kind = FINDING_KINDS[head[FINDING_KIND] ?? 0] ?? "worker";
    return { cpu: head[FINDING_CPU] ?? 0, kind, message, operation: head[FINDING_OPERATION] ?? 0 };
  }

  /** The counts of one CPU: operations, then counters. */
  countsOf(cpu: number): Float64Array {
    const start = countsStart(cpu);
    return new Float64Array(this.buffer, start, COLUMNS);
  }

  /** The ring of one CPU's last operations. */
  ringOf(cpu: number): Ring {
    const start = ringStart(this.cpus, cpu);
    return new Ring(new Int32Array(this.buffer, start, RING_WORDS));
  }

  /** All CPUs together. */
  totals(): { operations: OperationCounts; counts: StressCounts } {
    const sums = new Float64Array(COLUMNS);
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      this.countsOf(cpu).forEach((count, column) => {
        sums[column] = (sums[column] ?? 0) + count;
      });
    }
    return {
      operations: named(OPERATIONS, sums.subarray(0, OPERATIONS.length)),
      counts: named(COUNTERS, sums.subarray(OPERATIONS.length)),
    };
  }
}

/** The last operations of one CPU, which writes it while it runs. */
export class Ring {
  readonly #words: Int32Array;
  #at = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** An operation begins; what it is about is told by `about()`. */
  begin(number: number, operation: number, contexts: number): void {
    const words = this.#words;
    const at = (number % LOG_OPERATIONS) * RECORD_WORDS;
    this.#at = at;
    words[at] = number;
    words[at + 1] = (operation << 8) | contexts;
    words[at + 2] = 0;
    words[at + 3] = 0;
    words[at + 4] = 0;
    words[at + 5] = RUNNING;
  }

  about(operation: number, address: number, size: number): void {
    const words = this.#words;
    const at = this.#at;
    words[at + 1] = (operation << 8) | ((words[at + 1] ?? 0) & 0xff);
    words[at + 2] = address;
    words[at + 3] = size;
  }

  result(value: number): void {
    this.#words[this.#at + 4] = value;
  }

  end(): void {
    this.#words[this.#at + 5] = DONE;
  }

  /** What it holds, oldest first. */
  *read(): Generator<LoggedOperation> {
    const records = Array.from({ length: LOG_OPERATIONS }, (_, index) =>
      this.#words.slice(index * RECORD_WORDS, (index + 1) * RECORD_WORDS),
    );
    const used = records.filter((record) => record[5] !== 0);
    for (const record of used.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))) {
      const [number = 0, code = 0, address = 0, size = 0, result = 0, state = 0] = record;
      const operation = OPERATIONS[code >>> 8] ?? "unknown";
      yield {
        ...{ number, operation, contexts: code & 0xff, address: address >>> 0 },
        ...{ size: size >>> 0, result: result >>> 0, isDone: state === DONE },
      };
    }
  }
}

const COLUMNS = OPERATIONS.length + COUNTERS.length;
const ROW_BYTES = Math.ceil(COLUMNS / 8) * 64;
const RING_WORDS = LOG_OPERATIONS * RECORD_WORDS;
const HEAD_BYTES = HEAD_WORDS * 4 + TEXT_BYTES;

function countsStart(cpu: number): number {
  return HEAD_BYTES + cpu * ROW_BYTES;
}

function ringStart(cpus: number, cpu: number): number {
  return countsStart(cpus) + cpu * RING_WORDS * 4;
}

function bytesOf(cpus: number): number {
  return ringStart(cpus, cpus);
}

function named<Name extends string>(
  names: readonly Name[],
  values: Float64Array,
): Record<Name, number> {
  const entries = names.map((name, index) => [name, values[index] ?? 0] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}
