/**
 * Who is dead, and the report.
 *
 * A CPU that died is REAPING, with the number of the CPU that recovers it, until its number is
 * free. A reaper may die too: whoever recovers it recovers its victims with it, all in one pass, so
 * "dead" here means "one of mine". Everything in this folder may be done twice: it reads the memory
 * and makes it right, and notes nothing of its own.
 */
import { CPU_REAPER_SHIFT, CPU_REAPING, CPU_TAKEN, CpuArea } from "../base/layout_percpu";
import { HAND_LEAVES } from "../page/hand";
import { cmpxchg, read_once } from "../sync/atomic";
import { cpu_token, header, per_cpu } from "../sync/percpu";

function state_of(cpu: u32): usize {
  return changetype<usize>(per_cpu(cpu)) + offsetof<CpuArea>("state");
}

function reaping_by(token: u32): u32 {
  return CPU_REAPING | (token << CPU_REAPER_SHIFT);
}

/** @returns true if this CPU recovers CPU `cpu`. */
export function is_victim(cpu: u32): bool {
  return read_once(state_of(cpu)) === reaping_by(cpu_token());
}

/** @returns true if `token`, of a lock or a hand, is that of a CPU that this one recovers. */
export function is_dead(token: u32): bool {
  const cpu = (token & (HAND_LEAVES - 1)) - 1;
  return cpu < header().nr_cpu_ids && is_victim(cpu);
}

/**
 * Begin to recover CPU `cpu`, and those that it was recovering.
 *
 * Racing with other CPUs that want the same: the exchange of the state says who does. Victims of
 * the victim are taken over after it, so that they belong to a dead CPU at least until then.
 *
 * @returns false if it is no CPU that somebody had, or another one's victim.
 */
export function claim_victims(cpu: u32): bool {
  const mine = reaping_by(cpu_token());
  const found = cmpxchg(state_of(cpu), CPU_TAKEN, mine);
  // Mine: an earlier call of this CPU did not come to its end.
  if (found !== CPU_TAKEN && found !== mine) return false;
  const cpus = header().nr_cpu_ids;
  for (let other: u32 = 0; other < cpus; other++) {
    cmpxchg(state_of(other), reaping_by(cpu + 1), mine);
  }
  return true;
}

/** Add to the count at `offset` of the report, if there is one. */
export function note(report: usize, offset: usize, count: u32): void {
  if (report !== 0) store<u32>(report + offset, load<u32>(report + offset) + count);
}
