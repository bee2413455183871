/** Many threads that make a heap in the same bare memory at the same moment. */
import { armNumbers } from "slablab/internal/heap/arms.js";
import { instantiateHeap } from "slablab/internal/heap/abi.js";
import type { JobContext } from "slablab/internal/cpu/job.js";

export interface BootArgs {
  readonly module: WebAssembly.Module;
  /** Bare memories, one after the other. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly maximumPages: number;
  readonly reserveBytes: number;
  readonly cpus: number;
}

export interface BootReport {
  /** What heap_init() returned, and the CPU number that this thread got. */
  readonly base: number;
  readonly cpu: number;
}

/** Boot each memory together with all others, become a CPU, use the heap a little, leave. */
export function bootTogether(context: JobContext, args: BootArgs): BootReport[] {
  const { module, maximumPages, reserveBytes, cpus } = args;
  const arm = armNumbers("irq-work");
  return args.memories.map((memory) => {
    const { calls } = instantiateHeap(module, memory, { callCtor: () => 1 });
    context.startLine();
    const base = calls.heap_init(reserveBytes, maximumPages, cpus, 1, 32, ...arm, 0, 1);
    const cpu = base === 0 ? -1 : calls.cpu_attach(base, -1, 2);
    if (cpu >= 0) {
      const objects = Array.from({ length: 200 }, () => calls.kmalloc(100, 0));
      for (const object of objects) calls.kfree_checked(object);
    }
    // Nobody leaves before all have come: numbers must differ.
    context.startLine();
    if (cpu >= 0) calls.cpu_offline();
    return { base, cpu };
  });
}
