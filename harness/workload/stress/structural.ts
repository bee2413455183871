/**
 * What changes a heap while it is used: caches that come and go, published objects, grace periods,
 * groups, and CPUs that go offline and come back. Context: a plain task.
 */
import { drawing } from "../operations/weighted.js";
import { KMALLOC } from "../verify/objects.js";
import type { StressCpu } from "./stress-cpu.js";
import type { OperationName } from "./kinds.js";

const draw = drawing<readonly [OperationName, (cpu: StressCpu) => void]>([
  [10, ["cacheCreate", createCache]],
  [8, ["cacheOpen", openCache]],
  [8, ["cacheShrink", shrinkCache]],
  [6, ["cacheDestroy", destroyCache]],
  [40, ["rcuPublish", publish]],
  [1, ["synchronizeRcu", synchronize]],
  [1, ["rcuBarrier", barrier]],
  [4, ["memcgSwitch", switchGroup]],
  [2, ["offline", goOffline]],
]);

/** The largest object that is published: it is read over its whole size. */
const PUBLISHED_BYTES_MAX = 1024;
/** Milliseconds that a CPU is away, at most. */
const AWAY_MS_MAX = 3;

/** One of them, chosen at random. @throws FindingError if it found something */
export function structural(cpu: StressCpu): void {
  const [name, operation] = draw(cpu.random);
  cpu.run(name, 0, () => operation(cpu));
}

function createCache(cpu: StressCpu): void {
  const size = cpu.caches.create(cpu.cpu, cpu.random);
  if (size > 0) cpu.note("cacheCreate", 0, size);
}

function openCache(cpu: StressCpu): void {
  const pinned = cpu.caches.pin(cpu.cpu, cpu.random, 1, true);
  if (pinned === null) return;
  cpu.note("cacheOpen", pinned.slot, pinned.cache.size);
  cpu.caches.unpin(pinned.slot, 1);
}

function shrinkCache(cpu: StressCpu): void {
  const pinned = cpu.caches.pin(cpu.cpu, cpu.random, 1, true);
  if (pinned === null) return;
  cpu.note("cacheShrink", pinned.slot, pinned.cache.size);
  cpu.noteResult(pinned.cache.shrink());
  cpu.caches.unpin(pinned.slot, 1);
}

function destroyCache(cpu: StressCpu): void {
  const { isGone, size, wrong } = cpu.caches.destroy(cpu.cpu, cpu.random);
  if (isGone) cpu.note("cacheDestroy", 0, size);
  if (wrong !== null) cpu.report("leak", wrong);
}

/** Replace what readers see; what they saw is freed when none of them can hold it. */
function publish(cpu: StressCpu): void {
  const { objects, random } = cpu;
  if (objects.count === 0) return;
  const index = random.below(objects.count);
  const { [index]: address = 0 } = objects.address;
  const { [index]: size = 0 } = objects.size;
  if (objects.kind[index] !== KMALLOC || size > PUBLISHED_BYTES_MAX) return;
  cpu.note("rcuPublish", address, size);
  const old = cpu.published.publish(objects, index, random);
  if (old === null || old.address === 0) return;
  if (cpu.isForeign(old.id)) cpu.count("crossFrees");
  cpu.note("kfreeRcu", old.address, old.size);
  objects.adopt(old.address, old.size, old.kind, old.id);
  objects.release(objects.count - 1);
  cpu.cpu.kfreeRcu(old.address);
}

function synchronize(cpu: StressCpu): void {
  cpu.note("synchronizeRcu", 0, 0);
  cpu.cpu.synchronizeRcu();
}

function barrier(cpu: StressCpu): void {
  cpu.note("rcuBarrier", 0, 0);
  cpu.cpu.rcuBarrier();
}

function switchGroup(cpu: StressCpu): void {
  const isCharged = cpu.random.below(4) !== 0;
  cpu.note("memcgSwitch", isCharged ? 1 : 0, 0);
  cpu.switchGroup(isCharged);
}

/** Stop being a CPU while the others go on, and become the same one again. */
function goOffline(cpu: StressCpu): void {
  cpu.note("offline", 0, 0);
  cpu.leave();
  const until = performance.now() + cpu.random.below(AWAY_MS_MAX + 1);
  while (performance.now() < until);
  cpu.comeBack();
}
