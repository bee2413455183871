/**
 * Loads that are only linked with the allocator: they call what other heaps do not have, or need
 * no heap at all.
 */
export * from "./core_to_core";
export * from "./false_sharing";
export * from "./slab_bulk";
export * from "./slab_bulk03";
