/** What a thread needs that is no CPU. */
import { HeapHeader } from "../base/layout";
import { header, set_registers } from "../sync/percpu";

/** Know the heap without being one of its CPUs. An instance that is one knows it already. */
export function look_at(base: usize): void {
  if (changetype<usize>(header()) !== 0) return;
  set_registers(0, base, <usize>changetype<HeapHeader>(base).mem_map);
}
