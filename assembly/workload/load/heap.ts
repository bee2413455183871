/**
 * The heap under a load. Each load is compiled twice from one source: fused into the allocator's
 * bench targets, as a program that is linked with it, and into the target `loads`, where malloc
 * and free are imports and any heap can be bound. Calls between modules cost about 4 ns each.
 */
import { kfree, kmalloc } from "../../kmalloc/kmalloc";
import { SheafHeap } from "../../kmalloc/sheaf_heap";
import { free, malloc } from "./peer";

/**
 * Static methods, of which every caller gets a copy: with sheaves that is the fast half of
 * kmalloc() and kfree(), as a program linked with them has it; elsewhere it is a call.
 */
@unmanaged
export class LoadHeap {
  /** @returns `size` bytes, size from 1 on, or 0 when out of memory. */
  @inline
  static malloc(size: usize): usize {
    if (isDefined(LOAD_IMPORTS)) return malloc(size);
    if (isDefined(SLUB_SHEAVES)) return SheafHeap.kmalloc(size, 0);
    return kmalloc(size, 0);
  }

  /** Give an object back that any CPU allocated; 0 is nothing. */
  @inline
  static free(p: usize): void {
    if (isDefined(LOAD_IMPORTS)) free(p);
    else if (isDefined(SLUB_SHEAVES)) SheafHeap.kfree(p);
    else kfree(p);
  }
}
