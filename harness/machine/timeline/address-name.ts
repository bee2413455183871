/**
 * What lies at an address, in the words of the layout: `page[128].freelist`,
 * `cpu1.kmem_cache_cpu[own].tid`, `own object 3 (free pointer)`.
 */
import type { Field } from "../../heap/fields.js";
import { STAT_ITEMS } from "../../heap/stat-items.js";
import type { HeapView } from "../../heap/view.js";

/** Name the word at `address`; a hexadecimal number if nothing is known about it. */
export function nameAddress(view: HeapView, address: number): string {
  view.refresh();
  return (
    inCpuAreas(view, address) ??
    inHeader(view, address) ??
    inPages(view, address) ??
    inStatistics(view, address) ??
    `0x${address.toString(16)}`
  );
}

function field(view: HeapView, struct: string, offset: number): string {
  const fields = view.table.fields.filter((each) => each.struct === struct);
  const holds = ({ offset: from, sizeBytes }: Field) => from <= offset && offset < from + sizeBytes;
  return fields.find(holds)?.name ?? `+${offset}`;
}

function inHeader(view: HeapView, address: number): string | null {
  const { constants } = view.table;
  const offset = address - view.base;
  if (offset < 0) return null;
  if (offset < constants.ZONES) return `heap_header.${field(view, "heap_header", offset)}`;
  const inZones = offset - constants.ZONES;
  if (inZones < view.nodeCount * constants.ZONE_SIZE) {
    const zone = Math.floor(inZones / constants.ZONE_SIZE);
    return `zone[${zone}].${zoneField(view, inZones % constants.ZONE_SIZE)}`;
  }
  if (offset < constants.CACHE_TABLE) return "size_index";
  const inCaches = offset - constants.CACHE_TABLE;
  const cache = Math.floor(inCaches / constants.KMEM_CACHE_SIZE);
  if (cache < view.cacheCount) {
    const name = field(view, "kmem_cache", inCaches % constants.KMEM_CACHE_SIZE);
    return `kmem_cache[${view.cache(cache).name}].${name}`;
  }
  const inNodes = address - view.header().node_table;
  const entry = Math.floor(inNodes / constants.KMEM_CACHE_NODE_SIZE);
  if (inNodes < 0 || entry >= view.cacheCount * view.nodeCount) return null;
  const name = field(view, "kmem_cache_node", inNodes % constants.KMEM_CACHE_NODE_SIZE);
  const owner = view.cache(Math.floor(entry / view.nodeCount)).name;
  return `kmem_cache_node[${owner}].${name}`;
}

function zoneField(view: HeapView, offset: number): string {
  const { free_area } = view.table.offsets.zone;
  if (offset < free_area) return field(view, "zone", offset);
  return `free_area[${Math.floor((offset - free_area) / 4)}]`;
}

function inCpuAreas(view: HeapView, address: number): string | null {
  const { cpu_areas, cpu_area_size } = view.header();
  const { constants } = view.table;
  const cpu = Math.floor((address - cpu_areas) / cpu_area_size);
  if (cpu < 0 || cpu >= view.cpuCount) return null;
  const offset = address - cpu_areas - cpu * cpu_area_size;
  const inCaches = offset - constants.CPU_CACHES;
  if (inCaches >= 0) {
    const index = Math.floor(inCaches / constants.KMEM_CACHE_CPU_SIZE);
    const name = field(view, "kmem_cache_cpu", inCaches % constants.KMEM_CACHE_CPU_SIZE);
    return `cpu${cpu}.kmem_cache_cpu[${view.cache(index).name}].${name}`;
  }
  if (offset >= constants.CPU_RCU) {
    return `cpu${cpu}.rcu.${field(view, "rcu_data", offset - constants.CPU_RCU)}`;
  }
  if (offset >= constants.CPU_MEMCG_STOCK) {
    return `cpu${cpu}.stock.${field(view, "memcg_stock", offset - constants.CPU_MEMCG_STOCK)}`;
  }
  return `cpu${cpu}.${field(view, "cpu_area", offset)}`;
}

function inPages(view: HeapView, address: number): string | null {
  const { mem_map, first_pfn } = view.header();
  const bytes = 2 ** view.table.constants.PAGE_SHIFT;
  const pfn = Math.floor((address - mem_map) / PAGE_DESCRIPTOR);
  if (address >= mem_map && pfn < view.endPfn) {
    return `page[${pfn}].${field(view, "page", (address - mem_map) % PAGE_DESCRIPTOR)}`;
  }
  if (address < first_pfn * bytes || address >= view.endPfn * bytes) return null;
  return inSlab(view, address);
}

const PAGE_DESCRIPTOR = 64;

function inSlab(view: HeapView, address: number): string | null {
  const head = view.pfnOf(view.page(view.pfnAt(address)).head);
  if (head < 0) return null;
  const slab = view.page(head);
  const index = view.cacheIndexOf(slab.slab_cache);
  if (index < 0) return null;
  const cache = view.cache(index);
  const object = Math.floor((address - slab.start) / cache.size);
  const within = (address - slab.start) % cache.size;
  const what = within === cache.offset ? "free pointer" : `+${within}`;
  return `${cache.name}[${slab.pfn}/${object}] ${what}`;
}

function inStatistics(view: HeapView, address: number): string | null {
  const { STAT_STRIDE } = view.table.constants;
  for (const cache of view.caches()) {
    const offset = address - cache.stat_base;
    if (offset < 0 || offset >= view.cpuCount * STAT_STRIDE) continue;
    const item = STAT_ITEMS[Math.floor((offset % STAT_STRIDE) / 8)] ?? "?";
    return `stat[${cache.name}].${item}`;
  }
  return null;
}
