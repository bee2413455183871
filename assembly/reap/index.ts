/** The recovery of dead CPUs: what builds with room for it export beside the ABI. */
export { cpu_reap } from "./reap";
