/**
 * What the fuzz calls: ordinary operations from a task, an irq or an NMI, and nolock operations
 * from inside trace points.
 */
import {
  allocBulk,
  allocCache,
  allocCacheBulk,
  allocCacheNolock,
  allocCacheNolockNow,
  allocKmalloc,
  allocLarge,
  allocNolock,
  allocNolockNow,
  checkSome,
  freeBulk,
  freeNolock,
  freeSome,
  PHASE_OPERATIONS,
  poll,
  randomTarget,
  resize,
  wantsMore,
} from "../operations/vocabulary.js";
import { drawing } from "../operations/weighted.js";
import { type FuzzCpu, pointer } from "./reentry-cpu.js";

/** Operations that a plain load repeats, by weight. */
const draw = drawing([
  [26, allocKmalloc],
  [36, freeSome],
  [10, allocCache],
  [3, allocNolock],
  [3, allocCacheNolock],
  [6, freeNolock],
  [4, resize],
  [1, allocBulk],
  [1, allocCacheBulk],
  [2, freeBulk],
  [6, checkSome],
  [1, allocLarge],
  [1, poll],
]);

/** One operation of the load, chosen at random. */
export function step(cpu: FuzzCpu): void {
  const { random, tally, exports } = cpu;
  if (tally.operations % PHASE_OPERATIONS === 0) startPhase(cpu);
  tally.operations++;
  const context = random.next() >>> 28;
  const operation = draw(random);
  if (context === 0) {
    exports.irq_enter();
    operation(cpu);
    exports.irq_exit();
  } else if (context === 1) {
    exports.nmi_enter();
    operation(cpu);
    exports.nmi_exit();
  } else operation(cpu);
}

/** Fill and empty by turns, so that slabs come and go; now and then shrink a cache. */
function startPhase(cpu: FuzzCpu): void {
  cpu.target = randomTarget(cpu);
  if (cpu.random.below(4) !== 0 || cpu.plain.address === 0) return;
  const cache = cpu.random.below(2) === 0 ? cpu.plain : cpu.constructed;
  cpu.exports.kmem_cache_shrink(pointer(cache));
}

/** What a trace point calls: one or two nolock operations, half of the time as an NMI. */
export function reenter(cpu: FuzzCpu): void {
  const { random, exports } = cpu;
  const bits = random.next() >>> 16;
  const isNmi = (bits & 1) !== 0;
  if (isNmi) {
    cpu.tally.reentriesAsNmi++;
    exports.nmi_enter();
  }
  nest(cpu);
  if ((bits & 2) !== 0) nest(cpu);
  if (isNmi) exports.nmi_exit();
}

/** Ordinary calls are among them: from here they have to behave as their nolock twins. */
function nest(cpu: FuzzCpu): void {
  const isOrdinary = cpu.random.below(8) === 0;
  if (wantsMore(cpu)) {
    if (isOrdinary) allocKmalloc(cpu);
    else if (cpu.random.below(2) === 0) allocNolockNow(cpu);
    else allocCacheNolockNow(cpu);
  } else if (isOrdinary) freeSome(cpu);
  else freeNolock(cpu);
}
