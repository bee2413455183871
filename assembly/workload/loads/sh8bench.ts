/**
 * sh8bench: sh6bench, with the newest quarter of each round freed by the next CPU. Parameters as
 * there. See harness/workload/loads/sh8bench.ts.
 *
 * ```
 * shared     a mailbox for each CPU, which the one before it writes
 * state0..4  as in sh6bench.ts, state1 also RECEIVE
 * state5     pointers of the oldest batch in the mailbox that are freed
 * ```
 */
import { load_free } from "./heap";
import { Load, element } from "./load";
import { MAILBOX_BYTES, MAIL_BATCH, mail_done, mail_next, mail_room, mail_send } from "./mailbox";
import { FILL, sh6bench_bytes, sh6bench_release, sh_drop, sh_fill, sh_turn } from "./sh6bench";

const RECEIVE: u32 = 3;

function mailbox(l: Load, cpu: u32): usize {
  return <usize>l.shared + <usize>(cpu * MAILBOX_BYTES);
}

export function sh8bench_bytes(block: usize): u32 {
  return sh6bench_bytes(block);
}

export function sh8bench_shared_bytes(block: usize): u32 {
  return changetype<Load>(block).cpus * MAILBOX_BYTES;
}

export function sh8bench_prepare(_block: usize): void {}

/** Send the newest objects on while there is room, down to three quarters. */
function send(l: Load): void {
  const box = mailbox(l, l.cpu + 1 < l.cpus ? l.cpu + 1 : 0);
  const kept = l.p0 - (l.p0 >> 2);
  while (l.state0 >= kept + MAIL_BATCH) {
    const batch = mail_room(box);
    if (batch === 0) return;
    l.state0 -= MAIL_BATCH;
    const newest = element(<usize>l.arrays, l.state0);
    memory.copy(batch, newest, MAIL_BATCH << 2);
    memory.fill(newest, 0, MAIL_BATCH << 2);
    mail_send(box);
  }
}

/** Free one object that came from the CPU before. @returns false: there is none. */
function receive(l: Load): bool {
  const box = mailbox(l, l.cpu);
  const batch = mail_next(box);
  if (batch === 0) return false;
  load_free(<usize>load<u32>(element(batch, l.state5++)));
  if (l.cpus > 1) l.remote++;
  if (l.state5 === MAIL_BATCH) {
    l.state5 = 0;
    mail_done(box);
  }
  return true;
}

function drop(l: Load): void {
  sh_drop(l);
  if (l.state1 === FILL) l.state1 = RECEIVE;
}

export function sh8bench_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < steps; i++) {
    if (l.state1 === RECEIVE) {
      if (receive(l)) continue;
      l.state1 = FILL;
    }
    if (l.state1 !== FILL) {
      drop(l);
    } else {
      if (!sh_fill(l)) return i;
      if (l.state0 === l.p0) {
        send(l);
        sh_turn(l);
      }
    }
  }
  return steps;
}

export function sh8bench_release(block: usize): void {
  sh6bench_release(block);
  const l = changetype<Load>(block);
  while (receive(l)) {}
}
