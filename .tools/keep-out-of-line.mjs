/**
 * asc transform: functions that the optimiser must not copy into their callers.
 *
 * - The counter of slow-path events: sixty copies of it would be a tenth of the release binary.
 * - Other steps of slow paths that are called from many places, for the same reason.
 * - In the model build, the this_cpu instruction: it has to read `this_cpu` by itself, after the
 *   point where a simulated machine may have moved the task to another CPU.
 */
const OUT_OF_LINE = [
  "assembly/sync/stat/stat_add",
  "assembly/sync/stat/stat",
  "assembly/sync/spinlock/spin_unlock",
  "assembly/sync/intent/intent_set",
  "assembly/page/buddy/node_zone",
  "assembly/page/buddy/pfn_to_nid",
  "assembly/slab/kmem_cache_node/remove_partial",
  "assembly/slab/section/list_unlock",
  "assembly/slab/section/local_unlock_irqrestore",
];
const OUT_OF_LINE_IN_MODEL = ["assembly/sync/percpu/this_cpu_cmpxchg_double"];

export default class KeepOutOfLine {
  afterCompile(module) {
    const isModel = this.program.options.globalAliases?.has("SLUB_MODEL") === true;
    for (const name of isModel ? [...OUT_OF_LINE, ...OUT_OF_LINE_IN_MODEL] : OUT_OF_LINE) {
      this.binaryen.setPassArgument("no-inline", name);
      module.runPasses(["no-inline"]);
    }
    this.binaryen.clearPassArguments();
  }
}
