/**
 * asc transform: what is done to every module between compiling and optimising.
 *
 * 1. Inlining. The optimiser copies small functions into every caller; on slow paths that buys
 *    nothing and is a fifth of the binary. So a function with several callers stays a function,
 *    unless it is tiny or lies in one of the files that fast paths are made of. In the model build
 *    the this_cpu instruction stays one too: it has to read `this_cpu` by itself, after the point
 *    where a machine may have moved the task.
 * 2. The layout, which assembly/inspect/fields.ts exports as one constant per field, becomes the
 *    custom section `slablab.layout`: a third of the bytes, and no clutter among the exports.
 */

/**
 * The one function that sleeps. Node 20's baseline compiler loses a local of a function across
 * memory.atomic.wait32, so nothing of anybody else's may stand around it: test/tidy/rules/waits.ts
 * looks at what was emitted.
 */
const WAIT = "assembly/sync/atomic/wait_on";

/** Files whose functions may be copied anywhere: the steps of the fast paths and of slow frees. */
const INLINABLE = [
  "assembly/sync/atomic",
  "assembly/sync/percpu",
  "assembly/sync/local_lock/is_rt",
  "assembly/sync/local_lock/local_lock_is_locked",
  "assembly/slab/cpu_freelist",
  "assembly/slab/check/zero_or_null",
  "assembly/slab/defer/list_of",
  "assembly/slab/drain/drains_at",
  "assembly/slab/alloc_hooks/has_post_alloc_hook",
  "assembly/slab/free_hooks/slab_free_hook",
  "assembly/slab/nolock/",
  "assembly/slab/flush/is_asked_to_flush",
  "assembly/kmalloc/size_class/kmalloc_slab",
  "assembly/slab/fast",
  "assembly/slab/free",
  "assembly/slab/put",
  "assembly/slab/object",
  "assembly/slab/slab",
  "assembly/page/page",
  "assembly/workload/",
];
const NEVER_INLINABLE = [
  WAIT,
  "assembly/slab/alloc_hooks/charge_or_free",
  "assembly/slab/memcg/memcg_uncharge_object",
  "assembly/page/hand/claim_move",
  "assembly/kmalloc/large/free_large",
  "assembly/slab/slab/update_slow",
];
/** Up to this much text a function is smaller than a call of it. */
const TINY_CHARACTERS = 240;
const OUT_OF_LINE_IN_MODEL = "assembly/sync/percpu/this_cpu_cmpxchg_double";
const LAYOUT_SECTION = "slablab.layout";

export default class SlablabTransform {
  afterCompile(module) {
    this.keepOutOfLine(module);
    this.moveLayout(module);
  }

  keepOutOfLine(module) {
    const isModel = this.program.options.globalAliases?.has("SLUB_MODEL") === true;
    const names = functionsWithManyCallers(withoutPositions(module.emitText()));
    for (const name of isModel ? [...names, OUT_OF_LINE_IN_MODEL] : names) {
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

/** A build with a source map has positions in its text, and must become the same binary. */
function withoutPositions(text) {
  return text.replace(/^\s*;;@.*\n/gm, "");
}

/** Names of the functions that stay out of line, by the text of the unoptimised module. */
function functionsWithManyCallers(text) {
  const calls = new Map();
  for (const [, name] of text.matchAll(/\(call \$([^\s)]+)/g)) {
    calls.set(name, (calls.get(name) ?? 0) + 1);
  }
  const sizes = new Map();
  for (const body of text.split(/\n (?=\()/)) {
    const name = /^\(func \$([^\s)]+)/.exec(body)?.[1];
    if (name !== undefined) sizes.set(name, body.replace(/\s+/g, " ").length);
  }
  return [...sizes.keys()].filter((name) => {
    if (NEVER_INLINABLE.includes(name)) return true;
    if (INLINABLE.some((file) => name.startsWith(file))) return false;
    return (calls.get(name) ?? 0) > 1 && (sizes.get(name) ?? 0) > TINY_CHARACTERS;
  });
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
