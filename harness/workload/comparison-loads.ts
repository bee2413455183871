/** The loads of the comparison by name. */
import type { Cpu } from "../heap/cpu.js";
import { loadExports } from "./bench-exports.js";
import type { CpuLoad } from "./cpu-load.js";
import { createLifetime } from "./lifetimes.js";
import { createNolockAlloc } from "./nolock-alloc.js";
import { createSlowFree } from "./slow-free.js";
import { createSurplus } from "./surplus.js";
import type { Traffic } from "./traffic.js";

/** Loads by what they exercise; the last three are lifetimes of whole objects. */
export const LOAD_NAMES = [
  ...(["slow-free", "surplus", "nolock-alloc", "permuted", "fifo", "random"] as const),
];
export type LoadName = (typeof LOAD_NAMES)[number];

/** The object a load's `steps` and phases run on. */
export function createLoad(name: LoadName, cpu: Cpu, traffic: Traffic): CpuLoad {
  const context = { cpu, exports: loadExports(cpu.exports), traffic };
  switch (name) {
    case "slow-free":
      return createSlowFree(context);
    case "surplus":
      return createSurplus(context);
    case "nolock-alloc":
      return createNolockAlloc(context);
    case "permuted":
    case "fifo":
    case "random":
      return createLifetime(name, context);
  }
}
