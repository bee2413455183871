/** Who is measured in a slot, and who must be running meanwhile for its numbers to count. */
import { LIFETIMES } from "../../workload/lifetimes.js";
import { FREES_PER_PHASE } from "../../workload/slow-free.js";
import { isNolockCpu, type Traffic } from "../../workload/traffic.js";
import type { Condition } from "./compare-plan.js";
import type { SlotRoles } from "./compare-slots.js";

/** CPUs that do the same work at the same time overlap at least this much of their phases. */
const OVERLAP_MIN = 0.5;
/** Under a lifetime a CPU may rightly be held up by a drain: only an interruption is left out. */
const LIFETIME_OVERLAP_MIN = 0.1;
/** Interruptions too short to be seen by their overlap lie at one end of the sorted phases. */
const TRIM = 0.1;

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
  const { load, share } = condition;
  const isLifetime = LIFETIMES.some((name) => name === load);
  // Where less than one burst falls into a phase, the rare phases with one must not be cut off;
  // and under a lifetime a rare long phase is a drain.
  const isRare = share > 0 && (share * FREES_PER_PHASE) / traffic.burst < 1;
  const trim = isLifetime || isRare ? 0 : TRIM;
  const isSame = share === 1 || load === "nolock-alloc";
  const mixed = isSame ? cpus : cpus.filter((cpu) => !isNolockCpu(traffic, cpu));
  const charged = mixed.filter((cpu) => cpu !== victim);
  const common = { trim, charged, victim };
  if (isCrowded) return { ...common, covered: [], running: [], steady: [], overlapMin: 0 };
  if (victim !== null) {
    const steady = cpus.filter((cpu) => cpu !== victim);
    const overlapMin = OVERLAP_MIN;
    return { ...common, covered: [victim], running: charged, steady, overlapMin };
  }
  const overlapMin = isLifetime ? LIFETIME_OVERLAP_MIN : OVERLAP_MIN;
  const others = cpus.filter((cpu) => !mixed.includes(cpu));
  const steady = isLifetime ? [] : mixed.length < 2 ? cpus : others;
  return { ...common, covered: mixed, running: mixed, steady, overlapMin };
}

/** The CPU that is the victim in a round: CPU 0, in turns where there are more than two. */
export function victimOf({ cpus, nolockCpus }: Traffic, round: number): number {
  const ordinary = Math.max(1, cpus - nolockCpus);
  return cpus > 2 ? round % ordinary : 0;
}
