/**
 * asc transform: what is done to every module between compiling and optimising.
 *
 * 1. Functions that the optimiser must not copy into their callers are marked: the counter of
 *    slow-path events, whose sixty copies would be a tenth of the release binary, and other steps
 *    that are called from many places; in the model build also the this_cpu instruction, which has
 *    to read `this_cpu` by itself, after the point where a machine may have moved the task.
 * 2. The layout, which assembly/inspect/fields.ts exports as one constant per field, becomes the
 *    custom section `slablab.layout`: a third of the bytes, and no clutter among the exports.
 */
const OUT_OF_LINE = [
  "assembly/sync/stat/stat_add",
  "assembly/sync/stat/stat",
  "assembly/sync/spinlock/spin_unlock",
  "assembly/sync/spinlock/spin_lock_as",
  "assembly/sync/local_lock/local_lock_irqsave",
  "assembly/sync/intent/intent_set",
  "assembly/slab/slab/update_locked",
  "assembly/slab/hooks/slab_post_alloc_hook",
  "assembly/slab/hooks/slab_free_hook",
  "assembly/slab/free/free_to_cpu_slab_locked",
  "assembly/page/buddy/node_zone",
  "assembly/page/buddy/pfn_to_nid",
  "assembly/slab/kmem_cache_node/remove_partial",
  "assembly/slab/section/list_unlock",
  "assembly/slab/section/unlock_cpu_slab",
];
const OUT_OF_LINE_IN_MODEL = ["assembly/sync/percpu/this_cpu_cmpxchg_double"];
const LAYOUT_SECTION = "slablab.layout";

export default class SlablabTransform {
  afterCompile(module) {
    this.keepOutOfLine(module);
    this.moveLayout(module);
  }

  keepOutOfLine(module) {
    const isModel = this.program.options.globalAliases?.has("SLUB_MODEL") === true;
    for (const name of isModel ? [...OUT_OF_LINE, ...OUT_OF_LINE_IN_MODEL] : OUT_OF_LINE) {
      this.binaryen.setPassArgument("no-inline", name);
      module.runPasses(["no-inline"]);
    }
    this.binaryen.clearPassArguments();
  }

  moveLayout(module) {
    const { binaryen } = this;
    const count = module.getNumExports();
    const exported = Array.from({ length: count }, (_, index) =>
      binaryen.getExportInfo(module.getExportByIndex(index)),
    ).filter(({ kind, name }) => kind === binaryen.ExternalGlobal && name.includes("$"));
    const entries = exported.map(({ name, value }) => {
      const { init } = binaryen.getGlobalInfo(module.getGlobal(value));
      module.removeExport(name);
      return [name, binaryen.getExpressionInfo(init).value];
    });
    // The globals themselves go with the optimiser, which finds them unused.
    const bytes = new TextEncoder().encode(encodeLayout(entries));
    if (bytes.length > 0) module.addCustomSection(LAYOUT_SECTION, bytes);
  }
}

/**
 * `struct field field:8 @64 field;const NAME=1`: a field has four bytes unless it says otherwise,
 * and follows the one before it unless an offset stands between them. harness/heap/fields.ts reads
 * it.
 */
function encodeLayout(entries) {
  const structs = new Map();
  for (const [key, value] of entries) {
    const [struct, name] = key.split("$");
    if (!structs.has(struct)) structs.set(struct, []);
    structs.get(struct).push([name, value]);
  }
  return [...structs].map(([struct, list]) => `${struct} ${encodeStruct(struct, list)}`).join(";");
}

function encodeStruct(struct, list) {
  if (struct === "const") return list.map(([name, value]) => `${name}=${value}`).join(" ");
  let next = 0;
  return list
    .map(([name, value]) => {
      const offset = value & 0xffff;
      const size = value >>> 16;
      const jump = offset === next ? "" : `@${offset} `;
      next = offset + size;
      return `${jump}${name}${size === 4 ? "" : `:${size}`}`;
    })
    .join(" ");
}
