/**
 * What a CPU of a stress calls: each operation of the load, by weight, from a plain task, an irq,
 * an NMI or inside a read-side section.
 *
 * To the vocabulary that all random loads share come those calls that only the library has.
 */
import { __GFP_ZERO } from "../../heap/flags.js";
import {
  allocBulk,
  allocCache,
  allocCacheBulk,
  allocCacheNolock,
  allocKmalloc,
  allocLarge,
  allocNolock,
  checkSome,
  freeAt,
  freeBulk,
  freeNolock,
  freeSome,
  giveUp,
  PHASE_OPERATIONS,
  poll,
  randomGfp,
  randomTarget,
  resize,
  take,
  wantsMore,
} from "../operations/vocabulary.js";
import { randomSize } from "../operations/sizes.js";
import { drawing } from "../operations/weighted.js";
import { CTOR, KMALLOC, isOfCache, kindClass } from "../verify/objects.js";
import type { OperationName } from "./kinds.js";
import { IN_IRQ, IN_NMI, IN_READ_SECTION } from "./stress-board.js";
import type { StressCpu } from "./stress-cpu.js";
import { structural } from "./structural.js";

type Operation = (cpu: StressCpu) => void;

/** Operations of any context, by weight, and the name under which each begins. */
const draw = drawing<readonly [OperationName, Operation]>([
  [16, ["kmalloc", allocKmalloc]],
  [3, ["kzalloc", allocZeroed]],
  [3, ["kcalloc", allocArray]],
  [3, ["kmallocNode", allocOnNode]],
  [3, ["alignedAlloc", allocAligned]],
  [5, ["krealloc", resize]],
  [32, ["kfree", freeSome]],
  [3, ["kmallocBulk", allocBulk]],
  [3, ["kfreeBulk", freeBulk]],
  [7, ["kmallocNolock", allocNolock]],
  [10, ["kfreeNolock", freeNolock]],
  [12, ["cacheAlloc", allocCache]],
  [2, ["cacheAllocBulk", allocCacheBulk]],
  [4, ["cacheAllocNolock", allocCacheNolock]],
  [2, ["kmallocLarge", allocLarge]],
  [2, ["kfreeRcu", freeRcu]],
  [3, ["rcuRead", readPublished]],
  [5, ["check", checkSome]],
  [1, ["poll", poll]],
]);

/** One operation in so many changes what there is: caches, groups, CPUs. */
const STRUCTURAL_RARITY = 48;

/** One operation of the load, chosen at random. @throws FindingError if it found something */
export function step(cpu: StressCpu): void {
  const { random } = cpu;
  if (cpu.operations % PHASE_OPERATIONS === 0) cpu.target = randomTarget(cpu);
  if (random.below(STRUCTURAL_RARITY) === 0) {
    structural(cpu);
    return;
  }
  const [name, operation] = draw(random);
  const roll = random.next() >>> 28;
  const contexts = roll < 2 ? roll + 1 : roll === 2 ? IN_READ_SECTION : roll === 3 ? 6 : 0;
  cpu.run(name, contexts, () => inContexts(cpu, contexts, operation));
}

/** Run an operation inside a read-side section, an irq or an NMI, or inside two of them. */
function inContexts(cpu: StressCpu, contexts: number, operation: Operation): void {
  cpu.isTask = contexts === 0;
  if ((contexts & IN_READ_SECTION) !== 0) {
    cpu.count("inReadSection");
    cpu.cpu.rcuReadLock();
  }
  if ((contexts & IN_IRQ) !== 0) {
    cpu.count("inIrq");
    cpu.cpu.exports.irq_enter();
    operation(cpu);
    cpu.cpu.exports.irq_exit();
  } else if ((contexts & IN_NMI) !== 0) {
    cpu.count("inNmi");
    cpu.cpu.nmi(() => operation(cpu));
  } else operation(cpu);
  if ((contexts & IN_READ_SECTION) !== 0) cpu.cpu.rcuReadUnlock();
  cpu.isTask = true;
}

function allocZeroed(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  cpu.note("kzalloc", 0, size);
  take(cpu, cpu.cpu.kzalloc(size), size, KMALLOC, __GFP_ZERO);
}

function allocArray(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const count = 1 + cpu.random.below(32);
  const size = 1 + cpu.random.below(64);
  cpu.note("kcalloc", count, size);
  take(cpu, cpu.cpu.kcalloc(count, size), count * size, KMALLOC, __GFP_ZERO);
}

function allocOnNode(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  cpu.note("kmallocNode", gfp, size);
  take(cpu, cpu.cpu.kmallocNode(size, gfp, 0), size, KMALLOC, gfp);
}

function allocAligned(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const align = 8 << cpu.random.below(10);
  const size = 1 + cpu.random.below(2048);
  cpu.note("alignedAlloc", align, size);
  const address = cpu.cpu.alignedAlloc(align, size);
  if (address % align !== 0) {
    cpu.report("misplaced", `expected an address aligned to ${align}, got ${address}`);
  }
  take(cpu, address, size, KMALLOC, 0);
}

/** Free when no reader can hold it; what cannot be queued here stays this CPU's. */
function freeRcu(cpu: StressCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  const index = cpu.random.below(objects.count);
  const { [index]: kind = 0 } = objects.kind;
  if (kindClass(kind) === CTOR) {
    freeAt(cpu, index);
    return;
  }
  const { address, size } = giveUp(cpu, index, "kfreeRcu");
  cpu.note("kfreeRcu", address, size);
  const isQueued = cpu.cpu.exports.kfree_rcu(address);
  cpu.noteResult(isQueued ? 1 : 0);
  if (!isQueued) objects.add(address, size, kind, false);
  else if (isOfCache(kind)) cpu.letGo(kind, 1);
}

/** Look at a published object, do something else, and look again before the section ends. */
function readPublished(cpu: StressCpu): void {
  cpu.cpu.rcuReadLock();
  const found = cpu.published.read(cpu.random);
  if (found !== null) {
    const { address, size, id } = found;
    cpu.note("rcuRead", address, size);
    cpu.objects.checkMoved(address, size, id);
    freeSome(cpu);
    cpu.objects.checkMoved(address, size, id);
    cpu.count("readsChecked");
  }
  cpu.cpu.rcuReadUnlock();
}
