/**
 * Lock-less, NULL-terminated single list (kernel: lib/llist.c). Any CPU adds, any CPU takes all.
 *
 * A node is the address of a u32 slot; the slot holds the next node's address or 0. Nodes are
 * never taken one by one, which is what makes the list safe without tags: an add that finds the
 * head changed retries, and a head that left and came back (ABA) is still the right `next`,
 * because the list below a head cannot change without the head changing.
 */
import { cmpxchg, read_once, xchg } from "./atomic";

/** @returns true if the list was empty at that moment. Context: any. */
export function llist_empty(head: usize): bool {
  return read_once(head) === 0;
}

/**
 * Put `node` in front.
 *
 * - Publishes: the slot's content. A plain store: the slot is ours until the cmpxchg makes it
 *   reachable, and whoever takes the list reads it after its own exchange of the head.
 * - Races with: other adds and llist_del_all(); each changes the head, so this one retries.
 * - Ends: a retry means that another CPU got through.
 *
 * @returns true if the list was empty before: the one caller that gets true raises the work.
 * Context: any, NMI included. Kernel: llist_add().
 */
export function llist_add(node: usize, head: usize): bool {
  let first = read_once(head);
  while (true) {
    store<u32>(node, first);
    const found = cmpxchg(head, first, <u32>node);
    if (found === first) return first === 0;
    first = found;
  }
}

/**
 * Take the whole list. Every node goes to exactly one taker, because the exchange empties the
 * head and hands over the chain in one step.
 *
 * @returns the first node, or 0. Context: any. Kernel: llist_del_all().
 */
export function llist_del_all(head: usize): usize {
  // Reading first leaves the line shared while there is nothing to take.
  if (read_once(head) === 0) return 0;
  return <usize>xchg(head, 0);
}

/** @returns the node after `node` on a chain that llist_del_all() returned, or 0. */
export function llist_next(node: usize): usize {
  return <usize>load<u32>(node);
}
