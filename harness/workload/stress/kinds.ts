/**
 * What a stress does and counts, by name. Both are columns of shared memory (stress-board.ts), so
 * that they survive a CPU that does not come back.
 */

/** Operations, in the order in which reports list them. */
export const OPERATIONS = [
  "kmalloc",
  "kzalloc",
  "kcalloc",
  "kmallocNode",
  "alignedAlloc",
  "kmallocLarge",
  "krealloc",
  "kfree",
  "kmallocBulk",
  "kfreeBulk",
  "kmallocNolock",
  "kfreeNolock",
  "cacheAlloc",
  "cacheAllocBulk",
  "cacheAllocNolock",
  "cacheFree",
  "cacheFreeNolock",
  "cacheCreate",
  "cacheOpen",
  "cacheShrink",
  "cacheDestroy",
  "kfreeRcu",
  "rcuRead",
  "rcuPublish",
  "synchronizeRcu",
  "rcuBarrier",
  "memcgSwitch",
  "offline",
  "poll",
  "check",
] as const;
export type OperationName = (typeof OPERATIONS)[number];

/** What is counted beside operations. */
export const COUNTERS = [
  "objectsChecked",
  "readsChecked",
  "crossFrees",
  "handedOver",
  "nolockCalls",
  "nolockNull",
  "ordinaryNull",
  "inIrq",
  "inNmi",
  "inReadSection",
  "destroysRefused",
  "pressures",
  "validations",
  "busyFirst",
  "busySecond",
] as const;
export type CounterName = (typeof COUNTERS)[number];

export type OperationCounts = Record<OperationName, number>;
export type StressCounts = Record<CounterName, number>;
