/**
 * sh8bench: sh6bench, with objects that another thread frees (`sh8bench 2N`; a version of our own,
 * since its source is not free).
 *
 * Model: as sh6bench, but of the 2000 objects of a round the newest, a quarter and no more, go to
 * the next CPU, in batches of 64 through a mailbox beside the heap. That CPU frees them
 * in the order of allocation at the end of its own round. A mailbox has room for 8 batches; what
 * finds no room is freed by its owner, as the rest. On one CPU it sends to itself.
 */
import type { LoadDefinition } from "./definition.js";
import { SH_SIZE_CLASS_MAX, sh6bench, shSlots } from "./sh6bench.js";

const MAIL_OBJECTS = 8 * 64;

export const sh8bench: LoadDefinition = {
  ...sh6bench,
  name: "sh8bench",
  prefix: "sh8bench",
  model: "runs of small objects, a quarter of them freed by the next CPU",
  liveBytes: (scale, cpus) => (shSlots(scale) + MAIL_OBJECTS) * SH_SIZE_CLASS_MAX * cpus,
};
