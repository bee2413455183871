/**
 * What the CPUs of a load write down, in shared memory: for each variant of the run (a flavour on
 * so many CPUs) and window, operations and time of each CPU; for each variant and CPU a histogram.
 * Each CPU writes rows of its own; they are read when all have ended.
 */
import { RECORDER_BYTES, Recorder } from "./time-recorder.js";

/** One window of one CPU. */
export interface WindowRecord {
  readonly operations: number;
  /** Nanoseconds this CPU ran, waiting for work included. */
  readonly elapsedNs: number;
  /** Nanoseconds of calls that found nothing to do. */
  readonly idleNs: number;
  /** Calls of the load that did something: the chunks whose times are recorded. */
  readonly chunks: number;
}

/** The same, and from when it began until all had ended: the longest is the window's own time. */
export interface SpannedRecord extends WindowRecord {
  /** Nanoseconds; CPUs that take turns on a core are not all there all the time. */
  readonly spanNs: number;
}

export interface BoardShape {
  readonly variants: number;
  readonly windows: number;
  readonly cpus: number;
}

const COLUMNS = 5;
const HEAD_BYTES = 64;
const STOP = 0;
const WINDOWS_DONE = 1;

export class LoadBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #shape: BoardShape;
  readonly #head: Int32Array;
  readonly #rows: Float64Array;
  readonly #tables: Int32Array;

  constructor(shape: BoardShape, buffer = new SharedArrayBuffer(bytesOf(shape))) {
    this.buffer = buffer;
    this.#shape = shape;
    this.#head = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#rows = new Float64Array(buffer, HEAD_BYTES, rowsOf(shape) * COLUMNS);
    this.#tables = new Int32Array(buffer, tablesStart(shape), shape.variants * shape.cpus);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#head, STOP) !== 0;
  }

  /** Context: one CPU, while all others are at a start line. */
  stop(): void {
    Atomics.store(this.#head, STOP, 1);
  }

  /** Windows that all CPUs have ended, of all variants together. */
  get windowsDone(): number {
    return Atomics.load(this.#head, WINDOWS_DONE);
  }

  endWindow(): void {
    Atomics.add(this.#head, WINDOWS_DONE, 1);
  }

  write(variant: number, window: number, cpu: number, record: WindowRecord): void {
    const at = this.#rowAt(variant, window, cpu);
    this.#rows[at] = record.operations;
    this.#rows[at + 1] = record.elapsedNs;
    this.#rows[at + 2] = record.idleNs;
    this.#rows[at + 3] = record.chunks;
  }

  writeSpan(variant: number, window: number, cpu: number, spanNs: number): void {
    this.#rows[this.#rowAt(variant, window, cpu) + 4] = spanNs;
  }

  read(variant: number, window: number, cpu: number): SpannedRecord {
    const at = this.#rowAt(variant, window, cpu);
    const row = this.#rows.subarray(at, at + COLUMNS);
    const [operations = 0, elapsedNs = 0, idleNs = 0, chunks = 0, spanNs = 0] = row;
    return { operations, elapsedNs, idleNs, chunks, spanNs };
  }

  recorder(variant: number, cpu: number): Recorder {
    const index = variant * this.#shape.cpus + cpu;
    return new Recorder(this.buffer, recordersStart(this.#shape) + index * RECORDER_BYTES);
  }

  /** One word for each CPU of a variant, through which they hand arrays to each other. */
  tableOf(variant: number): Int32Array {
    const { cpus } = this.#shape;
    return this.#tables.subarray(variant * cpus, (variant + 1) * cpus);
  }

  #rowAt(variant: number, window: number, cpu: number): number {
    const { windows, cpus } = this.#shape;
    return ((variant * windows + window) * cpus + cpu) * COLUMNS;
  }
}

function rowsOf({ variants, windows, cpus }: BoardShape): number {
  return variants * windows * cpus;
}

function tablesStart(shape: BoardShape): number {
  return HEAD_BYTES + rowsOf(shape) * COLUMNS * 8;
}

function recordersStart(shape: BoardShape): number {
  return tablesStart(shape) + Math.ceil((shape.variants * shape.cpus * 4) / 64) * 64;
}

function bytesOf(shape: BoardShape): number {
  return recordersStart(shape) + shape.variants * shape.cpus * RECORDER_BYTES;
}
