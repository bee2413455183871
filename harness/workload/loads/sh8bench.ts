/**
 * sh8bench: sh6bench, with objects that another thread frees (`sh8bench 2N`; a version of our own,
 * since its source is not free).
 *
 * Model: as sh6bench, but the newest quarter of the 2000 objects of a round goes to the next CPU,
 * at once, through a ring beside the heap. That CPU frees them at the end of its own round, last
 * in first out. The ring has room for 512 addresses; what finds no room is freed by its owner, as
 * the rest. On one CPU it sends to itself.
 */
import type { LoadDefinition } from "./definition.js";
import { SH_SIZE_CLASS_MAX, sh6bench, shSlots } from "./sh6bench.js";

/** Objects on their way to a CPU. */
const RING_OBJECTS = 512;

export const sh8bench: LoadDefinition = {
  ...sh6bench,
  name: "sh8bench",
  prefix: "sh8bench",
  model: "runs of small objects, a quarter of them freed by the next CPU",
  liveBytes: (scale, cpus) => (shSlots(scale) + RING_OBJECTS) * SH_SIZE_CLASS_MAX * cpus,
};
