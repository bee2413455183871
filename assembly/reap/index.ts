/** The recovery of dead CPUs: what builds with room for it export beside the ABI. */
export { cpu_died, cpu_reaper_died, reap_blocker } from "./blocker";
export { cpu_reap, cpu_reap_as, cpu_reap_dead } from "./reap";
