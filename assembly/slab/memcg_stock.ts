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
 * charge and a discharge work in every context, and nothing is ever lost on the way. The rule is
 * that of version 1 of the nolock patch: in NMI the stock is used if its lock is free. The merged
 * kernel leaves it alone in every NMI.
 *
 * Bytes move towards "free" in one order: out of the stock, then into nr_charged_bytes, then off
 * usage_pages. memcg_destroy() reads in the opposite order and so never misses a charge.
 * Kernel: mm/memcontrol.c consume_obj_stock(), refill_obj_stock(), drain_obj_stock();
 * mm/page_counter.c; 6.18.
 */
import { PAGE_SHIFT, PAGE_SIZE } from "../base/config";
import { CPU_MEMCG_STOCK, CpuArea, MEMCG_SHIFT, Memcg, MemcgStock } from "../base/layout_percpu";
import {
  cmpxchg,
  fetch_add,
  fetch_sub,
  read_once,
  read_once64,
  write_once64,
} from "../sync/atomic";
import { local_lock_irqsave, local_trylock_irqsave, local_unlock_section } from "../sync/local_lock";
import { header, per_cpu, this_cpu } from "../sync/percpu";
import { irq_work_check } from "./defer";

const PAGE_MASK: u32 = <u32>PAGE_SIZE - 1;

/** @returns the struct of group `group`, 0 .. 63; there is a table. */
export function memcg_at(group: u32): Memcg {
  return changetype<Memcg>(<usize>header().memcg_table + ((<usize>group) << MEMCG_SHIFT));
}

function usage_of(group: u32): usize {
  return changetype<usize>(memcg_at(group)) + offsetof<Memcg>("usage_pages");
}

function free_of(group: u32): usize {
  return changetype<usize>(memcg_at(group)) + offsetof<Memcg>("nr_charged_bytes");
}

/** @returns pages charged to a group. Context: any. */
export function usage_pages(group: u32): u32 {
  return read_once(usage_of(group));
}

/**
 * Charge whole pages. @returns false, counted, if the group would have more than its limit.
 *
 * Adding before comparing can make another charge fail that would just have fitted, never let one
 * through that does not. Context: any. Kernel: page_counter_try_charge(), 6.18.
 */
export function try_charge_pages(group: u32, pages: u32): bool {
  const memcg = memcg_at(group);
  const usage = fetch_add(usage_of(group), pages) + pages;
  if (usage > memcg.limit_pages) {
    fetch_sub(usage_of(group), pages);
    fetch_add(changetype<usize>(memcg) + offsetof<Memcg>("failcnt"), 1);
    return false;
  }
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

/** Discharge whole pages. Context: any. */
export function uncharge_pages(group: u32, pages: u32): void {
  if (pages !== 0) fetch_sub(usage_of(group), pages);
}

/**
 * Give bytes back to the group without its stock; whole pages that come together are discharged.
 *
 * Races with the same elsewhere; a retry means that somebody got through, and the word is a mere
 * count, so it may as well have been away and come back. Context: any.
 */
function add_free_bytes(group: u32, bytes: u32): void {
  const word = free_of(group);
  let seen = read_once(word);
  while (true) {
    const total = seen + bytes;
    const found = cmpxchg(word, seen, total & PAGE_MASK);
    if (found === seen) {
      uncharge_pages(group, total >> PAGE_SHIFT);
      return;
    }
    seen = found;
  }
}

/** Take bytes that were given back. @returns false if there are not as many. Context: any. */
function take_free_bytes(group: u32, bytes: u32): bool {
  const word = free_of(group);
  let seen = read_once(word);
  while (seen >= bytes) {
    const found = cmpxchg(word, seen, seen - bytes);
    if (found === seen) return true;
    seen = found;
  }
  return false;
}

function stock_lock(): usize {
  return this_cpu + CPU_MEMCG_STOCK + offsetof<MemcgStock>("lock");
}

function stock_word(area: usize): usize {
  return area + CPU_MEMCG_STOCK + offsetof<MemcgStock>("memcg");
}

function unlock_stock(lock: usize): void {
  local_unlock_section(lock);
  irq_work_check();
}

/** Charge from this CPU's stock. @returns false if it has not as much, or may not be touched. */
function consume_stock(group: u32, bytes: u32): bool {
  const lock = stock_lock();
  if (!local_trylock_irqsave(lock)) return false;
  const at = stock_word(this_cpu);
  const word = load<u64>(at);
  const done = <u32>word === group && <u32>(word >> 32) >= bytes;
  if (done) write_once64(at, word - ((<u64>bytes) << 32));
  unlock_stock(lock);
  return done;
}

/**
 * Give bytes to this CPU's stock, which becomes that group's; what another group had there goes
 * back to it, and whole pages are discharged. Context: any.
 */
function refill_stock(group: u32, bytes: u32): void {
  const lock = stock_lock();
  if (!local_trylock_irqsave(lock)) {
    add_free_bytes(group, bytes);
    return;
  }
  const at = stock_word(this_cpu);
  const word = load<u64>(at);
  const before = <u32>word;
  const held = <u32>(word >> 32);
  const total = before === group ? held + bytes : bytes;
  write_once64(at, ((<u64>(total & PAGE_MASK)) << 32) | <u64>group);
  unlock_stock(lock);
  if (before !== group && held !== 0) add_free_bytes(before, held);
  uncharge_pages(group, total >> PAGE_SHIFT);
}

/** Charge `bytes`, 1 .. 2^31. @returns false if the group is full. Context: any. */
export function charge_bytes(group: u32, bytes: u32): bool {
  if (consume_stock(group, bytes) || take_free_bytes(group, bytes)) return true;
  const pages = (bytes + PAGE_MASK) >> PAGE_SHIFT;
  if (!try_charge_pages(group, pages)) return false;
  refill_stock(group, (pages << PAGE_SHIFT) - bytes);
  return true;
}

/** Discharge `bytes`. Context: any. */
export function uncharge_bytes(group: u32, bytes: u32): void {
  refill_stock(group, bytes);
}

/** Give everything in this CPU's stock back. Context: task. Kernel: drain_local_stock(). */
export function drain_stock(): void {
  const lock = stock_lock();
  local_lock_irqsave(lock);
  const word = load<u64>(stock_word(this_cpu));
  write_once64(stock_word(this_cpu), 0);
  unlock_stock(lock);
  if (word >> 32 !== 0) add_free_bytes(<u32>word, <u32>(word >> 32));
}

/**
 * @returns true if no object and no page is charged to `group`, whatever lies free in stocks.
 *
 * Exact although other CPUs may be discharging: bytes that move on between two reads are met
 * later on their way or not at all, never twice, so what is free may only look less than it is.
 * Context: no CPU has this group, so that nobody charges it.
 */
export function memcg_is_unused(group: u32): bool {
  const charged = (<u64>usage_pages(group)) << PAGE_SHIFT;
  let free = <u64>read_once(free_of(group));
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const word = read_once64(stock_word(changetype<usize>(per_cpu(cpu))));
    if (<u32>word === group) free += word >> 32;
  }
  return charged === free;
}

/** @returns true if some CPU charges its allocations to `group`. Context: slab_mutex. */
export function memcg_is_current(group: u32): bool {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const area = changetype<usize>(per_cpu(cpu));
    if (read_once(area + offsetof<CpuArea>("memcg")) === group) return true;
  }
  return false;
}
