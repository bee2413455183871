/**
 * The recovery by itself, for heaps whose own build has no room for it: a module on the same memory
 * that stands in for the CPU that calls it.
 */
import { HeapHeader } from "../base/layout";
import { per_cpu, set_registers } from "../sync/percpu";

export { cpu_died, cpu_reaper_died, reap_blocker } from "./blocker";
export { cpu_reap, cpu_reap_as, cpu_reap_dead } from "./reap";

/**
 * Work as CPU `cpu` of the heap at `base`, which the caller is. Context: between two calls of that
 * CPU's own instance; of a heap that boot finished.
 */
export function cpu_stand_in(base: usize, cpu: u32): void {
  const map = <usize>changetype<HeapHeader>(base).mem_map;
  set_registers(0, base, map);
  set_registers(changetype<usize>(per_cpu(cpu)), base, map);
}
