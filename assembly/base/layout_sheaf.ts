/** The memory map, continued: what only heaps with sheaves have (slab/sheaf.ts). */
import { KMALLOC_MAX_CACHE_SIZE } from "./config";

/**
 * Full and empty sheaves of one cache on one node. Under `lock`; the counts are read early without
 * it. Kernel: struct node_barn, 7.0.
 */
@unmanaged
export class NodeBarn {
  /** Owner CPU + 1, or 0. */
  lock: u32;
  /** Length of `full`. */
  nr_full: u32;
  /** First of the full sheaves, linked by Sheaf.link, or 0. */
  full: u32;
  /** Length of `empty`. */
  nr_empty: u32;
  /** First of the empty ones, or 0. */
  empty: u32;
  /** Length of `prefilled`. */
  nr_prefilled: u32;
  /** First of the sheaves that CPUs of this node have out (slab/prefill.ts), or 0. */
  prefilled: u32;
}
if (offsetof<NodeBarn>("full") !== offsetof<NodeBarn>("nr_full") + 4) ERROR("a list is two words");
if (offsetof<NodeBarn>("empty") !== offsetof<NodeBarn>("nr_empty") + 4)
  ERROR("a list is two words");
if (offsetof<NodeBarn>("prefilled") !== offsetof<NodeBarn>("nr_prefilled") + 4)
  ERROR("a list is two words");
export const NODE_BARN_SIZE: usize = 64;

/**
 * An array of free objects that one CPU, or a barn, holds. Memory of a kmalloc cache. Kernel:
 * struct slab_sheaf, 7.0 - differs: the size of a CPU's `main` is what KmemCacheCpu.top says.
 */
@unmanaged
export class Sheaf {
  /** The next in a barn, in an RcuQueue, or below in a CPU's stack, or 0. */
  link: u32;
  /** Objects in it, while it is nobody's main. */
  size: u32;
  /** Objects it has room for. */
  capacity: u16;
  /** Sheaves below it, while it is some CPU's main, or below one; 0 elsewhere. */
  depth: u16;
  /** 0: what lies below the first object. While it is out: CPU + 1 of who has it. */
  bottom: u32;
}
if (offsetof<Sheaf>() !== 16) ERROR("objects follow a sheaf's header");
if (offsetof<Sheaf>("bottom") !== 12) ERROR("bottom must lie right below the objects");
export const SHEAF_OBJECTS: usize = 16;
/** Objects that the largest sheaf has room for: one that fills the largest kmalloc bucket. */
export const MAX_SHEAF_CAPACITY: u32 = 2044;
if (SHEAF_OBJECTS + ((<usize>MAX_SHEAF_CAPACITY) << 2) !== KMALLOC_MAX_CACHE_SIZE)
  ERROR("the largest sheaf must fill its bucket");

/** @returns bytes of the barns of heaps with sheaves; the page classes follow. */
export function node_barns_bytes(max_caches: u32, nodes: u32): usize {
  return <usize>max_caches * <usize>nodes * NODE_BARN_SIZE;
}
