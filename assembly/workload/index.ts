/**
 * What the targets `bench` and `bench-stats` export beside the allocator: loads that run inside
 * wasm, linked with it as a program would be. harness/workload/ is their only caller.
 */
export {
  empty,
  fastpath_batch,
  fastpath_pair,
  handwritten_pair,
  nolock_pair,
} from "./fastpath";
export {
  fifo_phase,
  lifetime_bytes,
  lifetime_hold,
  lifetime_release,
  permuted_phase,
  permuted_prepare,
  permuted_shuffle,
  random_phase,
  random_prepare,
} from "./lifetimes";
export {
  nolock_alloc_bytes,
  nolock_alloc_phase,
  nolock_alloc_prepare,
  nolock_alloc_release,
  nolock_alloc_reset,
} from "./nolock_alloc";
export { slow_free_phase, slow_free_reset } from "./slow_free";
export {
  slow_free_bytes,
  slow_free_frees,
  slow_free_prepare,
  slow_free_release,
  slow_free_shuffle,
  slow_free_slabs,
  slow_free_thin,
} from "./slow_free_setup";
export { surplus_bytes, surplus_fill, surplus_phase, surplus_release } from "./surplus";
export { fast_victim } from "./victim";
export { work_failed, work_init, work_seed } from "./work";
