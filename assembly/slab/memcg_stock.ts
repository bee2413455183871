/**
 * What a memory control group is charged, in whole pages, and where the rest of a page waits.
 *
 * ```
 * pages charged  =  objects and large allocations  +  stocks of the CPUs  +  nr_charged_bytes
 * ```
 * An object is smaller than a page, a charge is not. What is left of a page goes to this CPU's
 * *stock*, from which the next objects are charged without touching a shared line. The stock is
 * guarded by a local lock that is only ever tried: whoever interrupted its section, and on an RT
 * heap whoever may not sleep, works on the group's `nr_charged_bytes` instead, by cmpxchg. So a
 * charge and a discharge work in every context, and nothing is lost on the way. The rule is that
 * of version 1 of the nolock patch: in NMI the stock is used if its lock is free. The merged
 * kernel leaves it alone in every NMI.
 *
 * Bytes move towards "free" in one order: out of the stock, then into nr_charged_bytes, then off
 * usage_pages. memcg_is_unused() reads in the opposite order and so never misses a charge.
 * Kernel: mm/memcontrol.c consume_obj_stock(), refill_obj_stock(), drain_obj_stock();
 * mm/page_counter.c; 6.18.
 */
import { PAGE_SHIFT, PAGE_SIZE } from "../base/config";
import { CPU_MEMCG_STOCK, CpuArea, Memcg, MemcgStock } from "../base/layout_percpu";
import {
  cmpxchg,
  fetch_add,
  fetch_sub,
  read_once,
  read_once64,
  write_once,
  write_once64,
} from "../sync/atomic";
import { local_trylock_irqsave, local_unlock_section } from "../sync/local_lock";
import { header, per_cpu, this_cpu } from "../sync/percpu";
import { irq_work_check } from "./drain";

const PAGE_MASK: u32 = <u32>PAGE_SIZE - 1;

function usage_of(memcg: Memcg): usize {
  return changetype<usize>(memcg) + offsetof<Memcg>("usage_pages");
}

export function free_of(memcg: Memcg): usize {
  return changetype<usize>(memcg) + offsetof<Memcg>("nr_charged_bytes");
}

/** @returns pages charged to a group. Context: any. */
export function usage_pages(memcg: Memcg): u32 {
  return read_once(usage_of(memcg));
}

/**
 * Charge whole pages. @returns false, counted, if the group would have more than its limit.
 *
 * Publishes a count that was compared before: no charge that fits fails because of one that does
 * not. Races with charges and discharges; ends, since a miss means that one of them got through,
 * and a mere count may as well have been away and come back. Context: any. Kernel:
 * page_counter_try_charge(), 6.18 - differs: it adds first, and takes back what does not fit.
 */
function try_charge_pages(memcg: Memcg, pages: u32): bool {
  const word = usage_of(memcg);
  let before: u32;
  let usage: u32;
  do {
    before = read_once(word);
    usage = before + pages;
    if (usage > memcg.limit_pages) {
      fetch_add(changetype<usize>(memcg) + offsetof<Memcg>("failcnt"), 1);
      return false;
    }
  } while (cmpxchg(word, before, usage) !== before);
  const watermark = changetype<usize>(memcg) + offsetof<Memcg>("max_usage_pages");
  let seen = read_once(watermark);
  // Ends: a miss means that somebody raised it.
  while (seen < usage) {
    const found = cmpxchg(watermark, seen, usage);
    if (found === seen) break;
    seen = found;
  }
  return true;
}

/**
 * Give bytes back to the group without its stock; whole pages that come together are discharged.
 *
 * Races with the same elsewhere; a retry means that somebody got through, and the word is a mere
 * count, so it may as well have been away and come back. Context: any.
 */
export function add_free_bytes(memcg: Memcg, bytes: u32): void {
  if (bytes === 0) return;
  const word = free_of(memcg);
  while (true) {
    const seen = read_once(word);
    const total = seen + (bytes & PAGE_MASK);
    if (cmpxchg(word, seen, total & PAGE_MASK) !== seen) continue;
    fetch_sub(usage_of(memcg), (bytes >> PAGE_SHIFT) + (total >> PAGE_SHIFT));
    return;
  }
}

/** Take bytes that were given back. @returns false if there are not as many. Context: any. */
function take_free_bytes(memcg: Memcg, bytes: u32): bool {
  const word = free_of(memcg);
  while (true) {
    const seen = read_once(word);
    if (seen < bytes) return false;
    if (cmpxchg(word, seen, seen - bytes) === seen) return true;
  }
}

export function stock_of(area: usize): usize {
  return area + CPU_MEMCG_STOCK;
}

/** Offset of the word `bytes | memcg` in a stock. */
const WORD: usize = offsetof<MemcgStock>("memcg");

/**
 * This CPU begins or ends a charge or a discharge, what is written down about it included: a count
 * of both, so that whoever measures a group knows if anything moved (reap/charges.ts). Those of an
 * NMI come in pairs inside.
 */
export function memcg_move(): void {
  const moves = stock_of(this_cpu) + offsetof<MemcgStock>("moves");
  write_once(moves, load<u32>(moves) + 1);
}

function unlock_stock(stock: usize): void {
  local_unlock_section(stock);
  irq_work_check();
}

/** Charge from this CPU's stock. @returns false if it has not as much, or may not be touched. */
function consume_stock(memcg: Memcg, bytes: u32): bool {
  const stock = stock_of(this_cpu);
  if (!local_trylock_irqsave(stock)) return false;
  const word = load<u64>(stock, WORD);
  const mine = <usize>(<u32>word) === changetype<usize>(memcg);
  const done = mine && <u32>(word >> 32) >= bytes;
  if (done) write_once64(stock + WORD, word - ((<u64>bytes) << 32));
  unlock_stock(stock);
  return done;
}

/**
 * Discharge bytes, into this CPU's stock, which becomes that group's. What another group had there
 * goes back to it first, and whole pages are discharged. Context: any.
 */
export function uncharge_bytes(memcg: Memcg, bytes: u32): void {
  let again: bool;
  // Ends: the second turn finds an empty stock, or bytes that an interruption put there, or misses.
  do {
    const stock = stock_of(this_cpu);
    let to = memcg;
    let given = bytes;
    again = false;
    if (local_trylock_irqsave(stock)) {
      const word = load<u64>(stock, WORD);
      const before = changetype<Memcg>(<usize>(<u32>word));
      const held = <u32>(word >> 32);
      let after: u64 = 0;
      if (before === memcg || held === 0) {
        const total = held + bytes;
        after = ((<u64>(total & PAGE_MASK)) << 32) | <u64>changetype<usize>(memcg);
        given = total & ~PAGE_MASK;
      } else {
        to = before;
        given = held;
        again = true;
      }
      write_once64(stock + WORD, after);
      unlock_stock(stock);
    }
    add_free_bytes(to, given);
  } while (again);
}

/** Charge `bytes`, 1 .. 2^32 - 4 MiB. @returns false if the group is full. Context: any. */
export function charge_bytes(memcg: Memcg, bytes: u32): bool {
  if (consume_stock(memcg, bytes) || take_free_bytes(memcg, bytes)) return true;
  const pages = (bytes + PAGE_MASK) >> PAGE_SHIFT;
  if (!try_charge_pages(memcg, pages)) return false;
  uncharge_bytes(memcg, (pages << PAGE_SHIFT) - bytes);
  return true;
}

/** Give everything in this CPU's stock back. Context: task. Kernel: drain_local_stock(). */
export function drain_stock(): void {
  // Nothing, to no group: what the stock had goes back to its owner.
  memcg_move();
  uncharge_bytes(changetype<Memcg>(0), 0);
  memcg_move();
}

/**
 * @returns true if no CPU charges the group and nothing is charged to it, whatever lies free in
 * stocks.
 *
 * Exact although other CPUs may be discharging: bytes that move on between two reads are met
 * later on their way or not at all, never twice, so what is free may only look less than it is.
 * Modulo 2^32 is enough, because no heap has 4 GiB to charge. Context: slab_mutex, under which
 * CPUs take to a group.
 */
export function memcg_is_unused(memcg: Memcg): bool {
  let charged = usage_pages(memcg) << PAGE_SHIFT;
  charged -= read_once(free_of(memcg));
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const area = changetype<usize>(per_cpu(cpu));
    if (<usize>read_once(area + offsetof<CpuArea>("memcg")) === changetype<usize>(memcg)) {
      return false;
    }
    const word = read_once64(stock_of(area) + WORD);
    if (<usize>(<u32>word) === changetype<usize>(memcg)) charged -= <u32>(word >> 32);
  }
  return charged === 0;
}

if (offsetof<MemcgStock>("lock") !== 0) ERROR("a stock is known by the address of its lock");
