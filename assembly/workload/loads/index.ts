/** The loads that allocator people know; harness/workload/loads/ describes and drives them. */
export * from "./glibc_simple";
export * from "./glibc_thread";
export * from "./alloc_test";
export * from "./larson";
export {
  load_arrays,
  load_bytes,
  load_damaged,
  load_failed,
  load_init,
  load_parameter,
  load_remote,
  load_shared,
} from "./load";
export * from "./malloc_large";
export { null_attach, null_free, null_malloc } from "./null";
export * from "./scratch";
export * from "./slab_remote";
export * from "./slab_test";
export * from "./malloc_multithreading";
export * from "./mleak";
export * from "./mstress";
export * from "./rptest";
export {
  sh6bench_bytes,
  sh6bench_phase,
  sh6bench_prepare,
  sh6bench_release,
} from "./sh6bench";
export * from "./sh8bench";
export * from "./xmalloc_test";
