/**
 * The C names, for other modules on the same memory: they import these from a CPU's instance.
 *
 * Alignment is kmalloc's: at least 8, and the whole size for powers of two. Nothing is checked
 * that would cost on the fast path. Context: any.
 */
import { kcalloc, kfree, kmalloc } from "./kmalloc";
import { SheafHeap } from "./sheaf_heap";
import { krealloc, ksize } from "./krealloc";

/** C: malloc(). malloc(0) is ZERO_SIZE_PTR, which free() takes. */
export function malloc(size: usize): usize {
  return isDefined(SLUB_SHEAVES) ? SheafHeap.kmalloc(size, 0) : kmalloc(size, 0);
}

/** C: free(). */
export function free(p: usize): void {
  if (isDefined(SLUB_SHEAVES)) SheafHeap.kfree(p);
  else kfree(p);
}

/** C: calloc(). @returns 0 on overflow. */
export function calloc(count: usize, size: usize): usize {
  return kcalloc(count, size);
}

/** C: realloc(). */
export function realloc(p: usize, size: usize): usize {
  return krealloc(p, size, 0);
}

/** C: malloc_usable_size(). */
export function malloc_usable_size(p: usize): usize {
  return ksize(p);
}
