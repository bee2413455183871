/**
 * What lockdep found, in the kernel's form (kernel/locking/lockdep.c).
 *
 * The wasm tells a kind and the lock words it is about; which locks those are follows from the
 * memory map. Kinds are those of assembly/sync/lockdep.ts; a test holds them equal.
 */
import { hex } from "./errors.js";
import { barnOf } from "./sheaves.js";
import type { HeapView } from "./view.js";

/** By LOCKDEP_*: the heading, and what the CPU was doing. */
const KINDS: Readonly<Record<number, readonly [string, string]>> = {
  1: ["possible circular locking dependency detected", "is trying to acquire lock"],
  2: ["possible recursive locking detected", "is trying to acquire lock"],
  3: ["lock waited for where nobody may wait", "is trying to acquire lock"],
  4: ["bad unlock balance detected", "is trying to release lock"],
  5: ["lock held where it must not be", "holds lock"],
  6: ["too many locks held", "is trying to acquire lock"],
};
const RULE = "=".repeat(54);
const THIN = "-".repeat(54);

export interface LockdepFinding {
  readonly cpu: number;
  /** LOCKDEP_*. */
  readonly kind: number;
  /** Address of the lock word. */
  readonly lock: number;
  /** That of the lock it collides with, or 0. */
  readonly held: number;
}

/** The report, without a newline at its end. */
export function lockdepReport(view: HeapView, finding: LockdepFinding): string {
  const { cpu, kind, lock, held } = finding;
  const [heading, doing] = KINDS[kind] ?? [`finding ${kind}`, "has to do with lock"];
  const lines = [RULE, `WARNING: ${heading}`, THIN, `cpu ${cpu} ${doing}:`];
  lines.push(`${hex(lock)} (${lockName(view, lock)})`);
  if (held !== 0) {
    lines.push("", "but it already holds:", `${hex(held)} (${lockName(view, held)})`);
  }
  return lines.join("\n");
}

/** What the word at `address` locks, in kernel spelling. */
export function lockName(view: HeapView, address: number): string {
  view.refresh();
  const { heap_header, zone, cpu_area, rcu_data } = view.table.offsets;
  const header = view.header();
  const offset = address - view.base;
  if (offset === heap_header.slab_mutex) return "slab_mutex";
  if (offset === heap_header.grow_lock) return "grow_lock";
  if (offset === heap_header.rcu_lock) return "rcu queue lock of the heap";
  const { ZONES, ZONE_SIZE, CPU_CACHES, CPU_RCU } = view.table.constants;
  for (let node = 0; node < view.nodeCount; node++) {
    if (offset === ZONES + node * ZONE_SIZE + zone.lock) return `&zone->lock, node ${node}`;
  }
  if (header.node_barns !== 0 && address >= header.node_barns) return barnLockName(view, address);
  if (address >= header.mem_map) return `slab_lock of page ${pageOf(view, address)}`;
  if (address < header.cpu_areas) return nodeLockName(view, address);
  const cpu = Math.floor((address - header.cpu_areas) / header.cpu_area_size);
  const inside = (address - header.cpu_areas) % header.cpu_area_size;
  if (inside === cpu_area.pcp_lock) return `&pcp->lock, cpu ${cpu}`;
  if (inside === CPU_RCU + rcu_data.lock) return `rcu queue lock, cpu ${cpu}`;
  if (inside < CPU_CACHES) return `&memcg_stock.lock, cpu ${cpu}`;
  return cpuLockName(view, address, cpu);
}

function pageOf(view: HeapView, address: number): number {
  return view.pfnOf(address - view.table.offsets.page.lock);
}

function nodeLockName(view: HeapView, address: number): string {
  const { list_lock } = view.table.offsets.kmem_cache_node;
  for (const cache of view.caches()) {
    for (let node = 0; node < view.nodeCount; node++) {
      const found = view.node(cache.index, node).address + list_lock === address;
      if (found) return `&n->list_lock, ${cache.name} node ${node}`;
    }
  }
  return "no lock of this heap";
}

function barnLockName(view: HeapView, address: number): string {
  for (const cache of view.caches()) {
    for (let node = 0; node < view.nodeCount; node++) {
      const found = barnOf(view, cache, node).address === address;
      if (found) return `&barn->lock, ${cache.name} node ${node}`;
    }
  }
  return "no lock of this heap";
}

function cpuLockName(view: HeapView, address: number, cpu: number): string {
  const { lock, sheaf_lock } = view.table.offsets.kmem_cache_cpu;
  for (const cache of view.caches()) {
    const at = view.cpuCache(cpu, cache.index).address;
    if (at + lock === address) return `&s->cpu_slab->lock, ${cache.name} cpu ${cpu}`;
    if (at + sheaf_lock === address) return `&s->cpu_sheaves->lock, ${cache.name} cpu ${cpu}`;
  }
  return "no lock of this heap";
}
