/**
 * The one module that writes `atomic.`: every word that two CPUs may touch at once goes through
 * here, so that a reader can list them and a tool can replace them.
 *
 * All wasm atomics are sequentially consistent. Synchronisation exists only between accesses of
 * the same width: a 64-bit word is never read by halves through this module.
 * Names follow the kernel: READ_ONCE/WRITE_ONCE for loads and stores, cmpxchg, xchg.
 */

/** Load a u32 that another CPU may be writing. */
export function read_once(address: usize): u32 {
  return atomic.load<u32>(address);
}

/** Store a u32 that another CPU may be reading. */
export function write_once(address: usize, value: u32): void {
  atomic.store<u32>(address, value);
}

/** Load a u64 that another CPU may be writing; 8-byte aligned. */
export function read_once64(address: usize): u64 {
  return atomic.load<u64>(address);
}

/** Store a u64 that another CPU may be reading; 8-byte aligned. */
export function write_once64(address: usize, value: u64): void {
  atomic.store<u64>(address, value);
}

/** @returns the value found; `desired` was stored if that equals `expected`. */
export function cmpxchg(address: usize, expected: u32, desired: u32): u32 {
  return atomic.cmpxchg<u32>(address, expected, desired);
}

/** 64-bit cmpxchg: what cmpxchg16b is on x86-64, since a wasm32 pointer has half the width. */
export function cmpxchg_double(address: usize, expected: u64, desired: u64): u64 {
  return atomic.cmpxchg<u64>(address, expected, desired);
}

/** @returns the old value. */
export function xchg(address: usize, value: u32): u32 {
  return atomic.xchg<u32>(address, value);
}

/** @returns the old value. */
export function fetch_add(address: usize, value: u32): u32 {
  return atomic.add<u32>(address, value);
}

/** 64-bit fetch_add(), for two counts in one word. */
export function fetch_add64(address: usize, value: u64): void {
  atomic.add<u64>(address, value);
}

/** @returns the old value. */
export function fetch_sub(address: usize, value: u32): u32 {
  return atomic.sub<u32>(address, value);
}

/**
 * Sleep while the word holds `value`, at most `timeoutNs` nanoseconds (negative = for ever).
 * Context: a task on a CPU that may wait; traps on a browser's main thread.
 */
export function wait_on(address: usize, value: u32, timeoutNs: i64): void {
  atomic.wait<i32>(address, <i32>value, timeoutNs);
}

/** Wake at most `count` sleepers. Context: any. */
export function wake_up(address: usize, count: i32): void {
  atomic.notify(address, count);
}

/**
 * Called in every turn of every spin loop. wasm has no pause instruction; a load that nobody
 * else writes keeps the turn short and gives a simulated machine a place to switch CPUs.
 */
export function cpu_relax(address: usize): void {
  atomic.load<u32>(address);
}
