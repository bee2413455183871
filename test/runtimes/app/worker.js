/** A Worker of the page: a CPU of the heap in its first message, which then does what it is told. */
import { attachHeap } from "slablab";

let cpu;

globalThis.onmessage = async ({ data: { handle, allocate, free, end } }) => {
  cpu ??= (await attachHeap(handle)).cpu();
  if (allocate !== undefined) {
    const pointers = Array.from({ length: allocate }, () => cpu.kmalloc(64));
    for (const pointer of pointers) cpu.view(pointer, Uint32Array, 16).fill(pointer);
    globalThis.postMessage(pointers);
  } else if (free !== undefined) {
    const intact = free.filter((pointer) => cpu.view(pointer, Uint32Array, 16)[15] === pointer);
    for (const pointer of free) cpu.kfree(pointer);
    globalThis.postMessage(intact.length);
  } else if (end) {
    cpu.offline();
    globalThis.postMessage(cpu.id);
  }
};
