/**
 * The ABI: exports only. Names and meanings are documented where they are defined; a change of
 * either changes ABI_VERSION.
 *
 * Addresses and sizes are usize, which JavaScript sees as signed: `>>> 0` there. Functions named
 * `..._checked` are for callers that may be wrong; the others trust their arguments.
 */
export { cpu_attach, cpu_offline, heap_init, set_failslab } from "./kmalloc/boot";
export {
  kfree_bulk,
  kmalloc_bulk,
  kmem_cache_alloc,
  kmem_cache_alloc_bulk,
  kmem_cache_alloc_nolock,
  kmem_cache_free,
  kmem_cache_free_bulk,
  kmem_cache_free_nolock,
} from "./kmalloc/caches";
export {
  check_object,
  kfree_checked,
  kfree_nolock_checked,
  kmem_cache_free_checked,
  kmem_cache_free_nolock_checked,
} from "./kmalloc/checked";
export { kfree_bulk_checked } from "./kmalloc/checked_bulk";
export {
  irq_enter,
  irq_exit,
  migrate_next_defer,
  nmi_enter,
  nmi_exit,
  poll,
  preempt_disable,
  preempt_enable,
  set_preempt_count,
} from "./kmalloc/contexts";
export { aligned_alloc, kcalloc, kfree, kmalloc, kmalloc_node, kzalloc } from "./kmalloc/kmalloc";
export { krealloc, ksize } from "./kmalloc/krealloc";
export { calloc, free, malloc, malloc_usable_size, realloc } from "./kmalloc/libc";
export { memcg_create, memcg_destroy, memcg_set } from "./kmalloc/memcg";
export { kfree_nolock, kmalloc_nolock } from "./kmalloc/nolock";
export { kfree_rcu } from "./kmalloc/rcu";
export { defer_free_barrier } from "./slab/barrier";
export { validate_slab_cache } from "./slab/debug_validate";
export { kmem_cache_create, kmem_cache_destroy, kmem_cache_open } from "./slab/kmem_cache";
export {
  kmem_cache_alloc_from_sheaf,
  kmem_cache_prefill_sheaf,
  kmem_cache_refill_sheaf,
  kmem_cache_return_sheaf,
  kmem_cache_sheaf_size,
} from "./slab/prefill";
export { rcu_barrier } from "./slab/rcu_serve";
export { kmem_cache_shrink } from "./slab/shrink";
export { preempt_count } from "./sync/context";
export { this_cpu } from "./sync/percpu";
export { rcu_read_lock, rcu_read_lock_held, rcu_read_unlock, synchronize_rcu } from "./sync/rcu";
