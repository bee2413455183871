/**
 * The layout as data: where each field of each struct lies, read from the module itself.
 *
 * Every build carries the custom section `slablab.layout`, a line of text: `struct field field:8
 * @64 field;const NAME=1`. A field has four bytes unless it says otherwise, and follows the one
 * before it unless an offset stands between them. So a tool can say which field a line bounced
 * for, and reads a heap of any build without a copy of the layout that could go stale. A table is
 * plain data: it can be cloned to a Worker.
 */
import type { WasmModule } from "./wasm-types.js";

const SECTION = "slablab.layout";

/** The fields the library itself reads; a module that lacks one is not of this version. */
const STRUCTS = {
  heap_header: [
    ...["magic", "self", "abi_version", "boot", "nr_cpu_ids", "nr_nodes", "max_caches"],
    ...["maximum_pages", "defer_place", "node_table", "cpu_areas", "cpu_area_size", "mem_map"],
    ...[
      "first_pfn",
      "defer_trigger",
      "reserve_bytes",
      "grow_lock",
      "end_pfn",
      "grow_end",
      "slab_mutex",
      "nr_caches",
    ],
    ...["cg_caches", "memcg_table", "options", "seed", "rcu_gp", "rcu_lock"],
    ...["nr_debug_records", "build", "large_debug_flags", "slab_errors"],
    ...["node_barns", "page_class", "no_sheaf"],
  ],
  zone: ["lock", "free_mask", "nr_free", "nr_managed", "deferred", "free_area"],
  kmem_cache: [
    ...["flags", "min_partial", "size", "object_size", "reciprocal_size", "offset"],
    ...["cpu_partial", "cpu_partial_slabs", "oo", "defer_free_objects", "min", "ctor", "inuse"],
    ...["align", "stat_base", "state", "index", "refcount", "name", "defer_own_line"],
    ...["generation", "random", "random_seq", "red_left_pad", "sheaf_capacity"],
    ...["barn_full", "pcs_full"],
  ],
  kmem_cache_node: [
    ...["list_lock", "nr_partial", "partial", "partial_tail", "defer_free_objects"],
    ...["nr_slabs", "total_objects", "full"],
  ],
  kmem_cache_cpu: [
    ...["freelist", "tid", "slab", "partial", "lock", "defer_free_objects"],
    ...["top", "end", "main", "spare", "rcu_free", "sheaf_lock", "sheaf_in_hand"],
  ],
  node_barn: ["lock", "nr_full", "full", "nr_empty", "empty", "nr_prefilled", "prefilled"],
  sheaf: ["link", "size", "capacity", "depth", "bottom"],
  cpu_area: [
    ...["preempt_count", "cpu", "task_mode", "node", "current", "fail_seen", "fail_done"],
    ...["state", "thread", "drains", "ops", "memcg", "irq_pending", "pcp_lock", "pcp_list"],
    ...["pcp_count", "defer_objects", "defer_slabs"],
    ...["bug_code", "bug_cache", "bug_slab", "bug_object"],
  ],
  memcg_stock: ["lock", "memcg", "bytes"],
  memcg: [
    ...["state", "limit_pages", "usage_pages", "max_usage_pages", "nr_charged_bytes", "failcnt"],
    ...["generation", "name"],
  ],
  rcu_data: ["reader", "nesting", "lock", "has_rcu_free", "sheaf_in_hand"],
  rcu_queue: [...["lock", "open", "next", "wait", "wait_gp", "taking", "sheaves", "sheaves_wait"]],
  page: [
    ...["freelist", "counters", "slab_cache", "kind", "head", "next", "prev", "slabs", "llnode"],
    ...["flush_freelist", "in_hand", "order", "nr_pages", "node", "flags", "lock"],
  ],
  track: ["op", "cpu", "pid", "when"],
} as const;

const CONSTANTS = [
  ...["ABI_VERSION", "PAGE_SHIFT", "MAX_PAGE_ORDER", "PCP_ORDERS", "NAME_BYTES", "STAT_STRIDE"],
  ...["ZONES", "ZONE_SIZE", "ZONE_BLOCK_MAP", "CACHE_TABLE", "KMEM_CACHE_SIZE"],
  ...["KMEM_CACHE_NODE_SIZE", "KMEM_CACHE_CPU_SIZE", "CPU_SCRATCH", "CPU_RCU", "CPU_CACHES"],
  ...[
    "CPU_BULK",
    "BULK_WORDS",
    "CPU_MEMCG_STOCK",
    "MAX_MEMCGS",
    "NR_KMALLOC_CACHES",
    "RESERVE_GUARD",
    "SIZE_INDEX",
  ],
  ...["BUILD", "PERCPU_LAYERS", "NODE_BARN_SIZE", "SHEAF_OBJECTS", "MAX_SHEAF_CAPACITY"],
  ...["SLAB_DEBUG_RECORDS", "SLAB_DEBUG_RECORD_BYTES", "MAX_SLAB_DEBUG_RECORDS"],
] as const;

export type StructName = keyof typeof STRUCTS;
export type FieldName<S extends StructName> = (typeof STRUCTS)[S][number];
export type ConstantName = (typeof CONSTANTS)[number];

/** One field of one struct. */
export interface Field {
  readonly struct: string;
  readonly name: string;
  /** Bytes from the struct's start. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Byte offsets of the fields the library reads, by struct and name. */
export type Offsets = {
  readonly [S in StructName]: { readonly [F in FieldName<S>]: number };
};

/** The same as lists to walk over, since structs are read by the thousand: name, offset, bytes. */
export type FieldPlaces = {
  readonly [S in StructName]: readonly (readonly [FieldName<S>, number, number])[];
};

export interface FieldTable {
  /** Every field of every struct, in the order of structs and offsets. */
  readonly fields: readonly Field[];
  readonly offsets: Offsets;
  readonly places: FieldPlaces;
  readonly constants: Readonly<Record<ConstantName, number>>;
  /** Every constant of the module, those the library does not read included. */
  readonly allConstants: Readonly<Record<string, number>>;
  /** The constants that say what the build does; one that is absent is off. */
  readonly build: Readonly<Record<"counts" | "debugs" | "hardens" | "models" | "traces", boolean>>;
}

const tables = new WeakMap<WasmModule, FieldTable>();

/**
 * Read the table of a module, once: it cannot change.
 *
 * @throws TypeError if it has none, or lacks a field or constant that the library reads
 */
export function readFieldTable(module: WasmModule): FieldTable {
  const known = tables.get(module) ?? parseFieldTable(module);
  tables.set(module, known);
  return known;
}

function parseFieldTable(module: WasmModule): FieldTable {
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  const text = section === undefined ? "" : new TextDecoder().decode(section);
  const fields: Field[] = [];
  const constants: Record<string, number> = {};
  for (const part of text.split(";").filter((each) => each !== "")) {
    const [struct = "", ...words] = part.split(" ");
    if (struct !== "const") fields.push(...parseStruct(struct, words));
    else for (const word of words) addConstant(constants, word);
  }
  fields.sort((a, b) => (a.struct === b.struct ? a.offset - b.offset : compare(a, b)));
  const missing: string[] = CONSTANTS.filter((name) => constants[name] === undefined);
  const offsets = pickOffsets(fields, missing);
  if (missing.length > 0) throw new TypeError(describeMissing(missing));
  const isOn = (flag: string) => (constants[flag] ?? 0) !== 0;
  const build = {
    counts: isOn("SLUB_STATS"),
    debugs: isOn("SLUB_DEBUG"),
    hardens: isOn("SLUB_HARDENED"),
    models: isOn("SLUB_MODEL"),
    traces: isOn("SLUB_TRACE"),
  };
  const allConstants = constants;
  return {
    fields,
    offsets,
    places: placesOf(offsets, fields),
    constants: constants as FieldTable["constants"],
    allConstants,
    build,
  };
}

function parseStruct(struct: string, words: readonly string[]): Field[] {
  const fields: Field[] = [];
  let offset = 0;
  for (const word of words) {
    if (word.startsWith("@")) {
      offset = Number(word.slice(1));
      continue;
    }
    const [name = "", size = "4"] = word.split(":");
    const sizeBytes = Number(size);
    fields.push({ struct, name, offset, sizeBytes });
    offset += sizeBytes;
  }
  return fields;
}

function addConstant(constants: Record<string, number>, word: string): void {
  const [name = "", value = ""] = word.split("=");
  constants[name] = Number(value);
}

function compare(a: Field, b: Field): number {
  return a.struct < b.struct ? -1 : 1;
}

/** Offsets of the fields in STRUCTS; what is not there is added to `missing`. */
function pickOffsets(fields: readonly Field[], missing: string[]): Offsets {
  const byName = new Map(fields.map((field) => [`${field.struct}$${field.name}`, field.offset]));
  const offsets: Record<string, Record<string, number>> = {};
  for (const [struct, names] of Object.entries(STRUCTS)) {
    const picked: Record<string, number> = {};
    for (const name of names) {
      const offset = byName.get(`${struct}$${name}`);
      if (offset === undefined) missing.push(`${struct}$${name}`);
      else picked[name] = offset;
    }
    offsets[struct] = picked;
  }
  return offsets as unknown as Offsets;
}

function placesOf(offsets: Offsets, fields: readonly Field[]): FieldPlaces {
  const bytes = new Map(fields.map((field) => [`${field.struct}$${field.name}`, field.sizeBytes]));
  const places: Record<string, [string, number, number][]> = {};
  for (const [struct, of] of Object.entries(offsets)) {
    places[struct] = Object.entries(of).map(([name, offset]) => {
      return [name, offset, bytes.get(`${struct}$${name}`) ?? 4];
    });
  }
  return places as unknown as FieldPlaces;
}

function describeMissing(missing: readonly string[]): string {
  const shown = missing.slice(0, 5).join(", ");
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
  return (
    "the wasm module: expected a build of slablab's allocator, with a table of fields in its " +
    `section ${SECTION}, got none of ${shown}${more}; ` +
    "try options.build, or the .wasm files of this very version of slablab"
  );
}
