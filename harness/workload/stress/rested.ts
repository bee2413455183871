/** The heap of a stress as it was at its last quiescent point: a copy in shared memory. */

/** Before the copy: its bytes, 0 until there is one. */
const HEAD_BYTES = 8;

export class Rested {
  readonly buffer: SharedArrayBuffer;

  /** @param of bytes that the memory has at most, or the buffer of another */
  constructor(of: number | SharedArrayBuffer) {
    this.buffer = typeof of === "number" ? new SharedArrayBuffer(HEAD_BYTES + of) : of;
  }

  /** Copy the memory. Context: every CPU is outside its calls, and one alone is here. */
  take({ buffer }: WebAssembly.Memory): void {
    const copy = new Uint8Array(this.buffer, HEAD_BYTES);
    copy.set(new Uint8Array(buffer));
    new Uint32Array(this.buffer, 0, 1)[0] = buffer.byteLength;
  }

  /** The copy; null: there was no quiescent point. */
  memory(): SharedArrayBuffer | null {
    const bytes = new Uint32Array(this.buffer, 0, 1)[0] ?? 0;
    return bytes === 0 ? null : this.buffer.slice(HEAD_BYTES, HEAD_BYTES + bytes);
  }
}
