/**
 * A0-context, T27-drain, A33-locks, O19-tid, Q36-pcp, Q0-offline: each CPU at rest, and all locks.
 */
import { CPU_FREE, CPU_TAKEN, DRAIN_DEPTH, TID_STEP } from "../constants.js";
import { hex } from "../errors.js";
import { barnOf, hasSheaves } from "../sheaves.js";
import type { CpuView } from "../view.js";
import { walkPages } from "../walk.js";
import { describePage, type Inspection } from "./inspection.js";

/** The word of a spinlock: the owner's number + 1, and this bit while somebody sleeps on it. */
const SLEEPERS = 0x8000_0000;

/** Check registers, contexts and page lists of every CPU. */
export function checkCpus(inspection: Inspection): void {
  const { view } = inspection;
  for (let number = 0; number < view.cpuCount; number++) {
    const cpu = view.cpu(number);
    const where = `cpu ${number}`;
    const expect = (
      invariant: "A0-context" | "T27-drain",
      name: "cpu" | "preempt_count" | "drains",
      value: number,
      found: number = cpu[name],
    ) => {
      if (found === value) return;
      const message = `${name} should be ${value}, is ${found}`;
      inspection.report(invariant, where, cpu.address, message);
    };
    if (cpu.state !== CPU_FREE && cpu.state !== CPU_TAKEN) {
      inspection.report("A0-context", where, cpu.address, `there is no state ${cpu.state}`);
    }
    if (cpu.state === CPU_TAKEN) expect("A0-context", "cpu", number);
    expect("A0-context", "preempt_count", 0);
    expect("T27-drain", "drains", 0, cpu.drains & DRAIN_DEPTH);
    const pageCount = checkPageLists(inspection, cpu, number);
    checkCaches(inspection, cpu, number, pageCount);
  }
  for (const pfn of inspection.pcpBlocks.keys()) {
    const page = view.page(pfn);
    const message = "a block for a CPU's page list is on none";
    inspection.report("Q36-pcp", describePage(page), page.address, message);
  }
}

/** @returns how many blocks the CPU's page lists hold. */
function checkPageLists(inspection: Inspection, cpu: CpuView, number: number): number {
  const { view } = inspection;
  const { pcp_list, pcp_count } = view.table.offsets.cpu_area;
  let total = 0;
  for (let order = 0; order < view.table.constants.PCP_ORDERS; order++) {
    const where = `cpu ${number}, pages of order ${order}`;
    const list = walkPages(view, view.u32(cpu.address + pcp_list + order * 4), "next");
    const report = (address: number, message: string) =>
      inspection.report("Q36-pcp", where, address, message);
    if (list.fault !== null) report(list.at, `at ${hex(list.at)}: ${list.fault}`);
    for (const item of list.items) {
      const pfn = view.pfnOf(item);
      if (inspection.pcpBlocks.get(pfn) === order) inspection.pcpBlocks.delete(pfn);
      else report(item, `page ${pfn} is on the list, which is no such block`);
    }
    const count = view.u32(cpu.address + pcp_count + order * 4);
    if (count !== list.items.length) {
      report(cpu.address, `the count is ${count}, the list holds ${list.items.length}`);
    }
    total += list.items.length;
  }
  return total;
}

/** What the CPU has of each cache: tids, and nothing at all if the number is free. */
function checkCaches(
  inspection: Inspection,
  cpu: CpuView,
  number: number,
  pageCount: number,
): void {
  const { view } = inspection;
  const holds: string[] = pageCount > 0 ? [`${pageCount} blocks of pages`] : [];
  if (cpu.defer_objects !== 0) holds.push("deferred objects");
  if (cpu.defer_slabs !== 0) holds.push("deferred slabs");
  if (cpu.memcg !== 0) holds.push("a memory control group");
  if (view.stock(number).bytes !== 0) holds.push("a stock of bytes");
  const { reader, nesting } = view.rcu(number);
  if (reader !== 0 || nesting !== 0) holds.push("a read-side section");
  const queue = view.rcuQueues()[number];
  if (queue !== undefined) {
    const { open, next, wait, sheaves, sheaves_wait } = queue;
    const waits = (open | next | wait | sheaves | sheaves_wait) !== 0;
    if (waits) holds.push("what waits for a grace period");
  }
  for (const cache of view.caches()) {
    const c = view.cpuCache(number, cache.index);
    const where = `cpu ${number} of ${cache.name}`;
    if (c.tid % TID_STEP !== number) {
      const message = `tid ${c.tid} is that of CPU ${c.tid % TID_STEP}`;
      inspection.report("O19-tid", where, c.address, message);
    }
    const sheaves = (c.main | c.spare | c.rcu_free | c.sheaf_in_hand) !== 0;
    if (sheaves) holds.push(`sheaves of ${cache.name}`);
    if (c.slab !== 0 || c.partial !== 0 || c.freelist !== 0) holds.push(`slabs of ${cache.name}`);
  }
  if (cpu.state !== CPU_FREE || holds.length === 0) return;
  const message = `the number is free, but it holds ${holds.join(", ")}`;
  inspection.report("Q0-offline", `cpu ${number}`, cpu.address, message);
}

/** No lock word may name an owner. */
export function checkLocks(inspection: Inspection): void {
  const { view } = inspection;
  const { grow_lock, slab_mutex } = view.table.offsets.heap_header;
  const expectFree = (where: string, address: number) => {
    const word = view.u32(address);
    if (word === 0) return;
    const owner = (word & ~SLEEPERS) - 1;
    const message = `the lock is held by CPU ${owner} (word ${hex(word)})`;
    inspection.report("A33-locks", where, address, message);
  };
  expectFree("grow_lock", view.base + grow_lock);
  expectFree("slab_mutex", view.base + slab_mutex);
  const { zone, kmem_cache_node, kmem_cache_cpu, cpu_area, memcg_stock } = view.table.offsets;
  for (let node = 0; node < view.nodeCount; node++) {
    expectFree(`lock of zone ${node}`, view.zone(node).address + zone.lock);
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    expectFree(`pcp_lock of cpu ${cpu}`, view.cpu(cpu).address + cpu_area.pcp_lock);
    expectFree(`stock of cpu ${cpu}`, view.stock(cpu).address + memcg_stock.lock);
  }
  for (const { of, address } of view.rcuQueues()) {
    expectFree(of < 0 ? "rcu queue of the heap" : `rcu queue of cpu ${of}`, address);
  }
  for (const cache of view.caches()) {
    for (let node = 0; node < view.nodeCount; node++) {
      const { address } = view.node(cache.index, node);
      expectFree(`list_lock of ${cache.name}, node ${node}`, address + kmem_cache_node.list_lock);
      if (!hasSheaves(view)) continue;
      const barn = barnOf(view, cache, node);
      expectFree(`lock of the barn of ${cache.name}, node ${node}`, barn.address);
    }
    for (let cpu = 0; cpu < view.cpuCount; cpu++) {
      const { address } = view.cpuCache(cpu, cache.index);
      expectFree(`local lock of cpu ${cpu} of ${cache.name}`, address + kmem_cache_cpu.lock);
      const sheafLock = address + kmem_cache_cpu.sheaf_lock;
      expectFree(`local lock of the sheaves of cpu ${cpu} of ${cache.name}`, sheafLock);
    }
  }
}
