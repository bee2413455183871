/**
 * What all loads export together; harness/workload/loads/ calls it. Each file of loads/ and linked/
 * exports what it has by itself: it is an entry of the compiler (.tools/asc-targets.mjs).
 */
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
export { null_attach, null_free, null_malloc } from "./null";
