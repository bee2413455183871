/** The loads that allocator people know; harness/workload/loads/ describes and drives them. */
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
export { null_free, null_malloc } from "./null";
