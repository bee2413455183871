/**
 * slab_test across CPUs: CPU 0 allocates what all others free (p2 = 0), or frees what all others
 * allocate (p2 = 1). Parameters p0 objects that a ring holds, a power of two, p1 their size, p3
 * objects of a batch. See harness/workload/loads/slab-test.ts.
 *
 * Shared: a ring between CPU 0 and each other CPU. Objects lie nowhere else between two phases,
 * so whoever consumes a ring frees what is left in it.
 */
import { LoadHeap } from "../load/heap";
import { Load } from "../load/load";
import {
  ring_bytes,
  ring_publish,
  ring_read_at,
  ring_ready,
  ring_room,
  ring_take,
  ring_write_at,
} from "../load/ring";

export function slab_remote_bytes(_block: usize): u32 {
  return 0;
}

export function slab_remote_shared_bytes(block: usize): u32 {
  const l = changetype<Load>(block);
  return (l.cpus - 1) * ring_bytes(l.p0);
}

export function slab_remote_prepare(_block: usize): void {}

/** @returns the ring between CPU 0 and CPU `cpu`, which is not 0. */
function ring_of(l: Load, cpu: u32): usize {
  return <usize>l.shared + <usize>(cpu - 1) * ring_bytes(l.p0);
}

/** Allocate a batch into a ring. @returns its objects; 0 if there is no room, or no memory. */
function produce(l: Load, ring: usize): u32 {
  const batch = l.p3;
  const size = <usize>l.p1;
  if (ring_room(ring, l.p0) < batch) return 0;
  let count: u32 = 0;
  while (count < batch) {
    const p = LoadHeap.malloc(size);
    if (p === 0) {
      l.failed = 1;
      break;
    }
    store<u32>(ring_write_at(ring, l.p0, count), <u32>p);
    count++;
  }
  ring_publish(ring, count);
  return count;
}

/** Free at most a batch from a ring. @returns its objects; 0 if there are none. */
function consume(l: Load, ring: usize): u32 {
  const count = min(ring_ready(ring), l.p3);
  for (let i: u32 = 0; i < count; i++) {
    LoadHeap.free(<usize>load<u32>(ring_read_at(ring, l.p0, i)));
  }
  if (count !== 0) ring_take(ring, count);
  l.remote += count;
  return count;
}

/** CPU 0: ring after ring, from where it left off, until all of them in a row had no work. */
function serve_all(l: Load, steps: u32): u32 {
  const rings = l.cpus - 1;
  let done: u32 = 0;
  let vain: u32 = 0;
  // Ends: each turn does something, or is one more in vain, or runs out of memory.
  while (done < steps && vain < rings && l.failed === 0) {
    const ring = ring_of(l, 1 + l.state0);
    const count = l.p2 !== 0 ? consume(l, ring) : produce(l, ring);
    done += count;
    vain = count === 0 ? vain + 1 : 0;
    l.state0 = l.state0 + 1 === rings ? 0 : l.state0 + 1;
  }
  return done;
}

export function slab_remote_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  if (l.cpu === 0) return serve_all(l, steps);
  const ring = ring_of(l, l.cpu);
  let done: u32 = 0;
  while (done < steps && l.failed === 0) {
    const count = l.p2 !== 0 ? produce(l, ring) : consume(l, ring);
    if (count === 0) break;
    done += count;
  }
  return done;
}

function drain(l: Load, ring: usize): void {
  // Ends: nobody produces any more.
  while (consume(l, ring) !== 0) {}
}

export function slab_remote_release(block: usize): void {
  const l = changetype<Load>(block);
  if (l.shared === 0) return;
  if (l.cpu !== 0) {
    if (l.p2 === 0) drain(l, ring_of(l, l.cpu));
    return;
  }
  if (l.p2 === 0) return;
  for (let cpu: u32 = 1; cpu < l.cpus; cpu++) drain(l, ring_of(l, cpu));
}
