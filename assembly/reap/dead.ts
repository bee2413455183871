/**
 * Who is dead, and the report.
 *
 * A CPU that died is REAPING, by nobody at first, then with the number of the CPU that recovers it,
 * until its number is free. Whoever recovers takes all that are known to be dead, in one pass:
 * each may hold what the recovery of another waits for. A reaper may die too, and its victims are
 * recovered with it. So "dead" here means "one of mine". Everything in this folder may be done
 * twice: it reads the memory and makes it right, and notes nothing of its own.
 *
 * A thread that is no CPU recovers as one of the dead: that CPU is its own victim. What its
 * predecessor held and what it holds itself carry one token; it is made right again either way, by
 * this pass or, if the thread dies too, by the next.
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

/** @returns the CPU of a `token`, of a lock or a hand. */
function cpu_of(token: u32): u32 {
  return (token & (HAND_LEAVES - 1)) - 1;
}

/** @returns true if `token`, of a lock or a hand, is that of a CPU that this one recovers. */
export function is_dead(token: u32): bool {
  const cpu = cpu_of(token);
  return cpu < header().nr_cpu_ids && is_victim(cpu);
}

/** @returns true if `token`, of a lock or a hand, is that of a CPU that is known to be dead. */
export function is_known_dead(token: u32): bool {
  const cpu = cpu_of(token);
  return cpu < header().nr_cpu_ids && (read_once(state_of(cpu)) & CPU_REAPING) !== 0;
}

/** @returns true if somebody is CPU `cpu`, who is alive as far as the heap knows. */
export function is_taken(cpu: u32): bool {
  return read_once(state_of(cpu)) === CPU_TAKEN;
}

/**
 * Say that the thread of CPU `cpu` is gone: it makes no access any more, now or later.
 *
 * @returns false if nobody is that CPU, or if one recovers it already.
 */
export function set_dead(cpu: u32): bool {
  const found = cmpxchg(state_of(cpu), CPU_TAKEN, CPU_REAPING);
  return found === CPU_TAKEN || found === CPU_REAPING;
}

/**
 * Begin to recover every CPU that is known to be dead, and those that they were recovering.
 *
 * Racing with other CPUs that want the same: the exchange of the state says who does. Victims of a
 * victim are taken over after it, so that they belong to a dead CPU at least until then; if this
 * one dies between the two, whoever recovers it meets both again, in as many turns as it takes.
 *
 * @returns how many CPUs this one recovers now.
 */
export function claim_victims(): u32 {
  const mine = reaping_by(cpu_token());
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) cmpxchg(state_of(cpu), CPU_REAPING, mine);
  let count: u32 = 0;
  let before: u32;
  do {
    before = count;
    count = 0;
    for (let cpu: u32 = 0; cpu < cpus; cpu++) {
      if (!is_victim(cpu)) continue;
      count++;
      for (let other: u32 = 0; other < cpus; other++) {
        cmpxchg(state_of(other), reaping_by(cpu + 1), mine);
      }
    }
  } while (count !== before);
  return count;
}

/**
 * Be the CPU that recovers CPU `cpu`, and that one itself. Racing with all who want the same: the
 * exchange of the state says who does.
 *
 * @returns false unless it is known to be dead, and nobody recovers it.
 */
export function become_victim(cpu: u32): bool {
  return cmpxchg(state_of(cpu), CPU_REAPING, reaping_by(cpu + 1)) === CPU_REAPING;
}

/** Say that the thread is gone that recovered CPU `cpu` as that CPU. @returns false if none did. */
export function set_reaper_dead(cpu: u32): bool {
  const mine = reaping_by(cpu + 1);
  return cmpxchg(state_of(cpu), mine, CPU_REAPING) === mine;
}

/**
 * Leave this CPU's victims to whoever comes next. Context: no lock of theirs, and nothing in hand.
 *
 * Itself last: whoever becomes it next has its other victims from that moment on.
 */
export function release_victims(): void {
  const mine = reaping_by(cpu_token());
  const own = cpu_token() - 1;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (cpu !== own) cmpxchg(state_of(cpu), mine, CPU_REAPING);
  }
  cmpxchg(state_of(own), mine, CPU_REAPING);
}

/** Add to the count at `offset` of the report, if there is one. */
export function note(report: usize, offset: usize, count: u32): void {
  if (report !== 0) store<u32>(report + offset, load<u32>(report + offset) + count);
}
