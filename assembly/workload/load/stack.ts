/**
 * A stack of blocks that any CPU pushes and pops, linked through their first word.
 *
 * ```
 * head, 8-byte aligned:   tag:32 | address of the top block, or 0
 * ```
 * Nodes are taken one by one and may be freed and allocated again at the same address while
 * another CPU still holds an old view of the head, so the tag, which every change counts up, is
 * what tells two heads apart (ABA). It would take 2^32 changes within one retry to be fooled.
 */
import { cmpxchg_double, read_once, read_once64 } from "../../sync/atomic";

function next_head(word: u64, top: usize): u64 {
  return (((word >> 32) + 1) << 32) | <u64>top;
}

/**
 * Put a block on top.
 *
 * - Publishes: the block's content. The block is ours until the cmpxchg, so stores are plain.
 * - Races with: pushes and pops, each of which changes the tag, so this one retries. A late pop may
 *   read the first word while we write it; its own cmpxchg will fail.
 * - Ends: a retry means that another CPU got through.
 */
export function stack_push(head: usize, block: usize): void {
  while (true) {
    const word = read_once64(head);
    store<u32>(block, <u32>word);
    if (cmpxchg_double(head, word, next_head(word, block)) === word) return;
  }
}

/**
 * Take the top block.
 *
 * - Publishes: nothing; the block becomes this CPU's.
 * - Races with: pops of the same block, of which one cmpxchg succeeds. The word read as `next` may
 *   be of a block that was taken and freed meanwhile: memory never goes away, and what is read
 *   is thrown away, since the tag has changed.
 * - Ends: a retry means that another CPU got through.
 *
 * @returns the block, or 0: the stack was empty.
 */
export function stack_pop(head: usize): usize {
  while (true) {
    const word = read_once64(head);
    const top = <usize>(<u32>word);
    if (top === 0) return 0;
    const next = <usize>read_once(top);
    if (cmpxchg_double(head, word, next_head(word, next)) === word) return top;
  }
}
