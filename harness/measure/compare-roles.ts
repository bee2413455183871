/** Who is measured in a slot, and who must be running meanwhile for its numbers to count. */
import { isNolockCpu, type Traffic } from "../workload/traffic.js";
import type { Condition } from "./compare-plan.js";
import type { SlotRoles } from "./compare-slots.js";

/** CPUs that do the same work at the same time overlap at least this much of their phases. */
const OVERLAP_MIN = 0.5;
/** Under a lifetime a CPU may rightly be held up by a drain: only an interruption is left out. */
const LIFETIME_OVERLAP_MIN = 0.1;

/**
 * @param victim the CPU that runs fast-path pairs, or null
 * @param isCrowded whether CPUs outnumber cores: then nothing can be judged, and nothing is
 */
export function rolesOf(
  traffic: Traffic,
  condition: Condition,
  victim: number | null,
  isCrowded: boolean,
): SlotRoles {
  const cpus = Array.from({ length: traffic.cpus }, (_, cpu) => cpu);
  const isSame = condition.share === 1 || condition.load === "nolock-alloc";
  const mixed = isSame ? cpus : cpus.filter((cpu) => !isNolockCpu(traffic, cpu));
  if (isCrowded) return { covered: cpus, running: cpus, steady: [], overlapMin: 0, victim };
  if (victim !== null) {
    const running = mixed.filter((cpu) => cpu !== victim);
    const steady = cpus.filter((cpu) => cpu !== victim);
    return { covered: [victim], running, steady, overlapMin: OVERLAP_MIN, victim };
  }
  const isLifetime = condition.load !== "slow-free" && condition.load !== "nolock-alloc";
  const overlapMin = isLifetime ? LIFETIME_OVERLAP_MIN : OVERLAP_MIN;
  const others = cpus.filter((cpu) => !mixed.includes(cpu));
  const steady = isLifetime ? [] : mixed.length < 2 ? cpus : others;
  return { covered: mixed, running: mixed, steady, overlapMin, victim };
}

/** The CPU that is the victim in a round: CPU 0, in turns where there are more than two. */
export function victimOf({ cpus, nolockCpus }: Traffic, round: number): number {
  const ordinary = Math.max(1, cpus - nolockCpus);
  return cpus > 2 ? round % ordinary : 0;
}
