/**
 * The target `tlsf`: the allocator that AssemblyScript brings along, behind one spin lock, as its
 * users put it where several Workers share a memory. A peer of ours in `slablab bench --peers`.
 *
 * It keeps the address of its root in a global of the instance, which therefore is exported as
 * `tlsf_root` (.tools/asc-transform.mjs): the instance that calls first builds the root, all others
 * are told where it lies, or each would build another one over it. It begins after the lock
 * (`memoryBase` in asconfig.json), and traps when it is out of memory.
 */
import { cmpxchg, cpu_relax, read_once, write_once } from "../sync/atomic";

/** A line of its own, below everything of the allocator: 1 while somebody is inside. */
const LOCK: usize = 64;

function lock(): void {
  while (cmpxchg(LOCK, 0, 1) !== 0) {
    while (read_once(LOCK) !== 0) cpu_relax(LOCK);
  }
}

function unlock(): void {
  write_once(LOCK, 0);
}

/** @returns `size` bytes. Context: a CPU of its own, which may spin. */
export function tlsf_malloc(size: usize): usize {
  lock();
  const p = heap.alloc(size);
  unlock();
  return p;
}

/** Give back what tlsf_malloc() gave; 0 is nothing. */
export function tlsf_free(p: usize): void {
  if (p === 0) return;
  lock();
  heap.free(p);
  unlock();
}
