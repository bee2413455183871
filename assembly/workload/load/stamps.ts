/**
 * Stamps around every object of a load: whatever heap it runs on, a block that is handed out twice
 * while it lives, that overlaps another one or that the heap writes into is seen when it is
 * allocated or freed.
 *
 * ```
 * | stamp:32 | size:32 | unused:64 | the object, size bytes | stamp:32 |
 * ```
 * A stamp is made of the object's address, so one that was copied is none. It is erased before the
 * block is freed: one that is there when a block is allocated says that somebody still owns it.
 * The instance that stamps is another one than the load's; its first register counts what is
 * broken. In the target `loads` alone.
 */
import { set_registers, this_cpu } from "../../sync/percpu";
import { free, malloc } from "./peer";

const HEAD: usize = 16;
const TAIL: usize = 4;
const SIZE: usize = 4;
const COOKIE: u32 = 0x9e37_79b9;

function stamp_of(p: usize): u32 {
  return (<u32>p ^ COOKIE) * COOKIE;
}

function count_broken(): void {
  set_registers(this_cpu + 1, 0, 0);
}

/** @returns blocks that were found broken by this instance. */
export function stamps_broken(): u32 {
  return <u32>this_cpu;
}

/** As malloc(); the stamps are beside the object. */
export function stamped_malloc(size: usize): usize {
  const start = malloc(size + HEAD + TAIL);
  if (start === 0) return 0;
  const p = start + HEAD;
  if (load<u32>(start) === stamp_of(p)) count_broken();
  store<u32>(start, stamp_of(p));
  store<u32>(start, <u32>size, SIZE);
  store<u32>(p + size, stamp_of(p));
  return p;
}

/** As free(), for what stamped_malloc() gave. A block whose head is broken is left where it is. */
export function stamped_free(p: usize): void {
  if (p === 0) return;
  const start = p - HEAD;
  if (load<u32>(start) !== stamp_of(p)) {
    count_broken();
    return;
  }
  if (load<u32>(p + <usize>load<u32>(start, SIZE)) !== stamp_of(p)) count_broken();
  store<u32>(start, 0);
  free(start);
}
