/**
 * A ring through which one CPU hands objects to one other, in batches.
 *
 * ```
 * ring + 0      u32  entries published so far; its producer's line
 *      + 64     u32  entries taken so far; its consumer's line
 *      + 128    u32 each: addresses; entry i lies at i modulo the capacity
 * ```
 * Both counts only grow, modulo 2^32, and each has one writer, which may therefore read its own
 * without an atomic. The producer writes entries and then publishes them by one atomic store; who
 * sees the count sees the entries, as wasm atomics order plain accesses around them. The consumer
 * reads entries and then gives their room back in the same way, so that no entry is overwritten
 * before it was read. Nobody waits: a full or empty ring is an answer.
 */
import { read_once, write_once } from "../../sync/atomic";

const TAKEN: usize = 64;
const ENTRIES: usize = 128;

/** @param capacity a power of two. @returns bytes of a ring, a multiple of a line. */
export function ring_bytes(capacity: u32): u32 {
  return <u32>ENTRIES + (((capacity << 2) + 63) & ~63);
}

/** @returns entries that can be written. Context: its producer. */
export function ring_room(ring: usize, capacity: u32): u32 {
  return capacity - (load<u32>(ring) - read_once(ring + TAKEN));
}

/** @returns entries that can be taken. Context: its consumer. */
export function ring_ready(ring: usize): u32 {
  return read_once(ring) - load<u32>(ring + TAKEN);
}

/** @returns where the producer writes entry `index` of those it has room for. */
export function ring_write_at(ring: usize, capacity: u32, index: u32): usize {
  return ring + ENTRIES + ((<usize>((load<u32>(ring) + index) & (capacity - 1))) << 2);
}

/** @returns where the consumer reads entry `index` of those that are ready. */
export function ring_read_at(ring: usize, capacity: u32, index: u32): usize {
  return ring + ENTRIES + ((<usize>((load<u32>(ring + TAKEN) + index) & (capacity - 1))) << 2);
}

/** Hand `count` written entries over. Context: its producer. */
export function ring_publish(ring: usize, count: u32): void {
  write_once(ring, load<u32>(ring) + count);
}

/** Give the room of `count` entries back. Context: its consumer. */
export function ring_take(ring: usize, count: u32): void {
  write_once(ring + TAKEN, load<u32>(ring + TAKEN) + count);
}
