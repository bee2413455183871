/**
 * What memory control groups are charged for nothing: bytes that a dead CPU had in its stock, or
 * that were on their way when it died.
 *
 * Bytes move so that whoever dies leaves a group charged with too much, never with too little
 * (slab/memcg_stock.ts). The difference is measured at a moment at which no live CPU charges or
 * discharges: each says so in its stock's line (`moves`, odd in the middle), before and after. It
 * stays the same whatever they do after that moment.
 */
import { PAGE_SHIFT, SLAB_ACCOUNT } from "../base/config";
import { KmemCache, PG_LARGE, PG_SLAB } from "../base/layout";
import { MAX_MEMCGS, MEMCG_SHIFT, Memcg, MemcgStock } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { end_pfn } from "../page/grow";
import { page_kind, pfn_to_page } from "../page/page";
import { large_bytes } from "../slab/memcg";
import { CHARGE_BYTES, obj_full_size, slab_end } from "../slab/memcg_slab";
import { add_free_bytes, free_of, stock_of, usage_pages } from "../slab/memcg_stock";
import { slab_word, word_objects } from "../slab/slab";
import { read_once, read_once64, write_once64 } from "../sync/atomic";
import { header, per_cpu } from "../sync/percpu";
import { is_taken, note } from "./dead";

/** Measurements that are tried; a CPU may be in the middle of a charge, and dead. */
const TRIES: u32 = 1 << 12;

/** Empty a dead CPU's stock: what it had is charged for nothing from here on. */
export function drop_stock(cpu: u32): void {
  const stock = changetype<MemcgStock>(stock_of(changetype<usize>(per_cpu(cpu))));
  write_once64(changetype<usize>(stock) + offsetof<MemcgStock>("memcg"), 0);
  stock.lock = 0;
}

/** @returns the sum of all CPUs' moves; odd bits of it are not kept. */
function moves(): u64 {
  let sum: u64 = 0;
  let busy: bool = false;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (!is_taken(cpu)) continue;
    const stock = stock_of(changetype<usize>(per_cpu(cpu)));
    const count = read_once(stock + offsetof<MemcgStock>("moves"));
    if ((count & 1) !== 0) busy = true;
    sum += count;
  }
  return busy ? u64.MAX_VALUE : sum;
}

/** @returns bytes that objects and large allocations are charged to a group. */
function bytes_in_use(memcg: u32): u32 {
  let sum: u32 = 0;
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    const kind = page_kind(page);
    if (kind === PG_LARGE && page.flags === memcg) sum += large_bytes(page);
    if (kind !== PG_SLAB || page.slab_cache === 0) continue;
    const cache = changetype<KmemCache>(<usize>page.slab_cache);
    if ((cache.flags & SLAB_ACCOUNT) === 0) continue;
    const objects = word_objects(slab_word(page));
    for (let i: u32 = 1; i <= objects; i++) {
      const entry = slab_end(page) - <usize>i * CHARGE_BYTES;
      if (load<u32>(entry) === memcg) sum += obj_full_size(cache);
    }
  }
  return sum;
}

/** @returns bytes that a group is charged for nothing, modulo 2^32. */
function excess(memcg: Memcg): u32 {
  let charged = usage_pages(memcg) << PAGE_SHIFT;
  charged -= read_once(free_of(memcg));
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const stock = stock_of(changetype<usize>(per_cpu(cpu)));
    const word = read_once64(stock + offsetof<MemcgStock>("memcg"));
    if (<usize>(<u32>word) === changetype<usize>(memcg)) charged -= <u32>(word >> 32);
  }
  return charged - bytes_in_use(<u32>changetype<usize>(memcg));
}

/** Give back what groups are charged for nothing. */
export function settle_charges(report: usize): void {
  const table = <usize>header().memcg_table;
  if (table === 0) return;
  for (let number: usize = 1; number < MAX_MEMCGS; number++) {
    const memcg = changetype<Memcg>(table + (number << MEMCG_SHIFT));
    if (usage_pages(memcg) === 0) continue;
    for (let turn: u32 = 0; turn < TRIES; turn++) {
      const before = moves();
      const bytes = excess(memcg);
      if (before === u64.MAX_VALUE || moves() !== before) continue;
      note(report, offsetof<ReapReport>("charges"), bytes);
      add_free_bytes(memcg, bytes);
      break;
    }
  }
}
