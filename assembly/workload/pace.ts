/**
 * When a load frees nolock: simulated NMIs of a few frees, evenly spaced among the ordinary ones.
 *
 * The numbers are fixed before a phase begins and are the same for every arm of deferral; no arm
 * can win by doing less. A phase of `frees` with b bursts of B has frees - b * B ordinary frees,
 * cut into b + 1 gaps; the first gap is shorter by the CPU's stagger, so that CPUs which start
 * together do not burst together.
 */
import { migrate_next_defer, nmi_enter, nmi_exit } from "../kmalloc/contexts";
import { kfree_nolock } from "../kmalloc/nolock";
import { cpu_area } from "../sync/percpu";
import { Work, next_random, random_below } from "./work";

/** Begin a phase of `frees` with `bursts`; bursts * burst must not exceed frees. */
export function pace_start(w: Work, frees: u32, bursts: u32): void {
  const ordinary = <u64>(frees - bursts * w.burst);
  w.frees = frees;
  w.bursts = bursts;
  w.spaced = 0;
  w.step = bursts === 0 ? 0 : (ordinary << 16) / bursts;
  w.position = (w.step * w.stagger) >> 16;
}

/** @returns ordinary frees before the next burst, or before the end of the phase. */
export function next_gap(w: Work, remaining: u32): u32 {
  if (w.bursts === 0) return remaining;
  const until = <u32>(w.position >> 16);
  const gap = until - w.spaced;
  w.spaced = until;
  w.position += w.step;
  w.bursts -= 1;
  return gap;
}

/** Sometimes send the next deferral elsewhere, as if the task had been moved at that moment. */
function maybe_migrate(w: Work): void {
  if ((next_random(w) & 0xffff) >= w.migrate || w.cpus < 2) return;
  const others = random_below(w, w.cpus - 1) + 1;
  migrate_next_defer((cpu_area().cpu + others) % w.cpus);
}

/**
 * One NMI: free the objects whose addresses are the next elements of an array.
 *
 * @param slot address of the first element
 * @returns address of the element after the last freed.
 */
export function nolock_burst(w: Work, slot: usize): usize {
  const end = slot + ((<usize>w.burst) << 2);
  nmi_enter();
  if (w.migrate === 0) {
    for (; slot < end; slot += 4) kfree_nolock(<usize>load<u32>(slot));
  } else {
    for (; slot < end; slot += 4) {
      maybe_migrate(w);
      kfree_nolock(<usize>load<u32>(slot));
    }
  }
  nmi_exit();
  return end;
}
