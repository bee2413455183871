/**
 * In whose hand a block is: what lets a dead CPU's pages and slabs be found by a walk over all
 * descriptors (reap/).
 *
 * Law: at every access, a block that no list, no cache and no user has carries the number + 1 of
 * the CPU that is about to do something with it. Only that CPU writes the word then, plainly: a
 * hand is passed on through a lock, or with the block's slab word.
 */
import { Page } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { cmpxchg, read_once } from "../sync/atomic";
import { cpu_token, this_cpu, this_cpu_add } from "../sync/percpu";

/** Take a block that nobody else can reach in hand. */
export function hold(page: Page): void {
  page.in_hand = cpu_token();
}

/** Added to the token of a CPU that thaws a slab which is full: it lets go, if nobody takes it. */
export const HAND_LEAVES: u32 = 0x1_0000;

export function in_hand_address(page: Page): usize {
  return changetype<usize>(page) + offsetof<Page>("in_hand");
}

/**
 * The slab is thawed, full, and everybody's now. Whoever freed to it since has taken it in hand;
 * then it is left alone: this very mark is found by nobody but who made it. Context: the thaw.
 */
export function let_go(page: Page): void {
  const mark = cpu_token() | HAND_LEAVES;
  cmpxchg(in_hand_address(page), mark, 0);
}

/**
 * A free of this CPU may make a full slab partial from here on (1), or not any more (-1): between
 * the two it may be the one that is to claim the slab. A count, since an NMI may do the same
 * meanwhile.
 *
 * Read by who recovers a dead CPU (reap/slabs.ts wait_for_claims()), which has found the slab
 * partial. The cmpxchg of the slab's word that made it so publishes the 1. When the count goes
 * back, claim() has loaded the slab's hand, by its cmpxchg or to no avail; that load, and no store,
 * is what is waited for.
 */
export function claim_move(by: u32): void {
  this_cpu_add(this_cpu + offsetof<CpuArea>("claiming"), by);
}

/**
 * Take a slab in hand that this CPU's free found full: it is on no list, and frees that come later
 * leave it alone. The end of claim_move(1).
 *
 * Races with the end of the thaw that let it go (one turn more), and with whoever recovers a dead
 * CPU and takes what nobody seems to have: then it is theirs to put on a list, which they do when
 * nobody is between claim_move(1) and here any more. @returns true if it is ours. Ends: the mark is
 * taken off once.
 */
export function claim(page: Page): bool {
  const hand = in_hand_address(page);
  let seen: u32;
  do {
    seen = read_once(hand);
    // Neither nobody's nor on its way out.
    if (seen - 1 < HAND_LEAVES - 1) break;
  } while (cmpxchg(hand, seen, cpu_token()) !== seen);
  claim_move(-1);
  return seen - 1 >= HAND_LEAVES - 1;
}
