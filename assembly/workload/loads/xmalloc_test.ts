/**
 * xmalloc-test: even CPUs allocate, odd CPUs free. Parameters p0 pointers of a batch, p1 batches
 * at most, p2 size. See harness/workload/loads/xmalloc-test.ts.
 *
 * ```
 * shared     stack of full batches, then on its own line the number of batches there are
 * batch      next, unused, u32[p0]
 * state0     the batch in hand, or 0
 * state1     how many of its pointers are written (even CPUs) or freed (odd CPUs)
 * ```
 */
import { fetch_add, fetch_sub } from "../../sync/atomic";
import { write_content } from "../load/content";
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";
import { stack_pop, stack_push } from "../load/stack";

const BATCHES: usize = 64;
const POINTERS: usize = 8;
const WRITTEN_MAX: u32 = 128;

export function xmalloc_test_bytes(_block: usize): u32 {
  return 0;
}

export function xmalloc_test_shared_bytes(_block: usize): u32 {
  return 128;
}

export function xmalloc_test_prepare(_block: usize): void {}

/** @returns an empty batch, or 0: there are enough, or memory is out. */
function new_batch(l: Load): usize {
  const batches = <usize>l.shared + BATCHES;
  // Counted first, so that several CPUs that find one place left do not all take it.
  if (fetch_add(batches, 1) < l.p1) {
    const batch = LoadHeap.malloc(POINTERS + ((<usize>l.p0) << 2));
    if (batch !== 0) return batch;
    l.failed = 1;
  }
  fetch_sub(batches, 1);
  return 0;
}

function free_batch(l: Load, batch: usize): void {
  LoadHeap.free(batch);
  fetch_sub(<usize>l.shared + BATCHES, 1);
}

function produce(l: Load, steps: u32): u32 {
  const size = l.p2;
  const written = min(size, WRITTEN_MAX);
  let batch = <usize>l.state0;
  let count = l.state1;
  let done: u32 = 0;
  while (done < steps) {
    if (batch === 0) {
      batch = new_batch(l);
      if (batch === 0) break;
      count = 0;
    }
    const p = LoadHeap.malloc(<usize>size);
    if (p === 0) {
      l.failed = 1;
      break;
    }
    write_content(p, written, 0x5aa5_5aa5);
    store<u32>(element(batch + POINTERS, count), <u32>p);
    count++;
    done++;
    if (count === l.p0) {
      stack_push(<usize>l.shared, batch);
      batch = 0;
    }
  }
  l.state0 = <u32>batch;
  l.state1 = count;
  return done;
}

function consume(l: Load, steps: u32): u32 {
  let batch = <usize>l.state0;
  let count = l.state1;
  let done: u32 = 0;
  while (done < steps) {
    if (batch === 0) {
      batch = stack_pop(<usize>l.shared);
      if (batch === 0) break;
      count = 0;
    }
    LoadHeap.free(<usize>load<u32>(element(batch + POINTERS, count)));
    count++;
    done++;
    if (count === l.p0) {
      free_batch(l, batch);
      batch = 0;
    }
  }
  l.state0 = <u32>batch;
  l.state1 = count;
  l.remote += done;
  return done;
}

export function xmalloc_test_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  return (l.cpu & 1) === 0 ? produce(l, steps) : consume(l, steps);
}

/** Free the pointers from..end-1 of a batch, and the batch. */
function drop_batch(l: Load, batch: usize, from: u32, end: u32): void {
  for (let i = from; i < end; i++) LoadHeap.free(<usize>load<u32>(element(batch + POINTERS, i)));
  free_batch(l, batch);
}

export function xmalloc_test_release(block: usize): void {
  const l = changetype<Load>(block);
  const batch = <usize>l.state0;
  const isProducer = (l.cpu & 1) === 0;
  if (batch !== 0) drop_batch(l, batch, isProducer ? 0 : l.state1, isProducer ? l.state1 : l.p0);
  l.state0 = 0;
  if (l.cpu !== 0) return;
  for (let full = stack_pop(<usize>l.shared); full !== 0; full = stack_pop(<usize>l.shared)) {
    drop_batch(l, full, 0, l.p0);
  }
}
