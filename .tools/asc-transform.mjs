/**
 * asc transform: what is done to every module between compiling and optimising.
 *
 * 1. Inlining. The optimiser copies small functions into every caller; on slow paths that buys
 *    nothing and is a fifth of the binary. So a function with several callers stays a function,
 *    unless it is tiny or one of those that fast paths are made of (inlining.mjs). In the model
 *    build the this_cpu instruction stays one too: it has to read `this_cpu` by itself, after the
 *    point where a machine may have moved the task.
 * 2. The layout, and the constants that assembly/inspect/constants.ts exports, become the custom
 *    section `slablab.layout` (layout.mjs): no data, no code, no export is left of them.
 * 3. A module with AssemblyScript's own allocator exports the global that says where it lies, so
 *    that several instances can share one (assembly/workload/tlsf.ts).
 */
import {
  INLINABLE,
  means,
  NEVER_INLINABLE,
  NEVER_INLINABLE_WITH_SHEAVES,
  OUT_OF_LINE_IN_MODEL,
} from "./inlining.mjs";
import { encodeLayout } from "./layout.mjs";

/** Up to this much text a function is smaller than a call of it. */
const TINY_CHARACTERS = 240;
const TLSF_ROOT = "~lib/rt/tlsf/ROOT";
const LAYOUT_SECTION = "slablab.layout";

export default class SlablabTransform {
  afterCompile(module) {
    this.keepOutOfLine(module);
    this.moveLayout(module);
    this.exportRoot(module);
  }

  exportRoot(module) {
    if (module.getGlobal(TLSF_ROOT) !== 0) module.addGlobalExport(TLSF_ROOT, "tlsf_root");
  }

  keepOutOfLine(module) {
    const isOn = (flag) => this.program.options.globalAliases?.has(flag) === true;
    const names = functionsOutOfLine(
      withoutPositions(module.emitText()),
      INLINABLE,
      isOn("SLUB_SHEAVES")
        ? [...NEVER_INLINABLE, ...NEVER_INLINABLE_WITH_SHEAVES]
        : NEVER_INLINABLE,
    );
    for (const name of isOn("SLUB_MODEL") ? [...names, OUT_OF_LINE_IN_MODEL] : names) {
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
    ).filter(({ kind, name }) => kind === binaryen.ExternalGlobal && /^[A-Z]/.test(name));
    // Without constants it is a module that no heap is read by.
    if (exported.length === 0) return;
    const constants = exported.map(({ name, value }) => {
      const { init } = binaryen.getGlobalInfo(module.getGlobal(value));
      module.removeExport(name);
      return [name, binaryen.getExpressionInfo(init).value];
    });
    // The globals themselves go with the optimiser, which finds them unused.
    const bytes = new TextEncoder().encode(encodeLayout(this.program, constants));
    module.addCustomSection(LAYOUT_SECTION, bytes);
  }
}

/** A build with a source map has positions in its text, and must become the same binary. */
function withoutPositions(text) {
  return text.replace(/^\s*;;@.*\n/gm, "");
}

/**
 * Names of the functions that stay out of line, by the text of the unoptimised module: those with
 * several callers that are not `inlinable`, and those that are never.
 */
function functionsOutOfLine(text, inlinable, never) {
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
    if (never.some((entry) => means(entry, name))) return true;
    if (inlinable.some((entry) => means(entry, name))) return false;
    return (calls.get(name) ?? 0) > 1 && (sizes.get(name) ?? 0) > TINY_CHARACTERS;
  });
}
