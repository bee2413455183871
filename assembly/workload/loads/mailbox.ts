/**
 * Batches of pointers from one CPU to one other, through memory that both share: a ring with one
 * writer and one reader. Nothing of it lies in the heap under test.
 *
 * ```
 * + 0     sent       batches published; only the sender writes it
 * + 64    received   batches done with; only the receiver writes it
 * + 128   u32[8][64] the batches
 * ```
 * Law: 0 <= sent - received <= 8. The slots from received up to sent are the receiver's, the
 * others the sender's. Each count is written by one CPU and only grows (it may wrap), so there is
 * no compare-and-exchange, no retry and no ABA; a stale count only makes a CPU see less room or
 * fewer batches than there are.
 */
import { read_once, write_once } from "../../sync/atomic";
import { element } from "./load";

/** Pointers in a batch. */
export const MAIL_BATCH: u32 = 64;
/** Batches under way: a power of two. */
const RING: u32 = 8;
const RECEIVED: usize = 64;
const BATCHES: usize = 128;
/** Bytes of a mailbox. */
export const MAILBOX_BYTES: u32 = 128 + RING * MAIL_BATCH * 4;

function batch_at(box: usize, index: u32): usize {
  return element(box + BATCHES, (index & (RING - 1)) * MAIL_BATCH);
}

/** @returns where the sender writes MAIL_BATCH pointers before mail_send(); 0: no room. */
export function mail_room(box: usize): usize {
  const sent = load<u32>(box);
  return sent - read_once(box + RECEIVED) < RING ? batch_at(box, sent) : 0;
}

/** Publish the batch that mail_room() gave. Context: the sender. */
export function mail_send(box: usize): void {
  write_once(box, load<u32>(box) + 1);
}

/** @returns the oldest batch, the receiver's until mail_done(); 0: there is none. */
export function mail_next(box: usize): usize {
  const received = load<u32>(box, RECEIVED);
  return read_once(box) !== received ? batch_at(box, received) : 0;
}

/** Give the batch's room back to the sender. Context: the receiver. */
export function mail_done(box: usize): void {
  write_once(box + RECEIVED, load<u32>(box, RECEIVED) + 1);
}
