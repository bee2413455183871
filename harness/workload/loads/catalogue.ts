/** Every load, in the order in which they are listed and run. */
import { allocTest } from "./alloc-test.js";
import { coreToCore } from "./core-to-core.js";
import type { LoadDefinition } from "./definition.js";
import { falseSharing } from "./false-sharing.js";
import { glibcSimple } from "./glibc-simple.js";
import { glibcThread } from "./glibc-thread.js";
import { larson } from "./larson.js";
import { mallocLarge } from "./malloc-large.js";
import { mallocMultithreading } from "./malloc-multithreading.js";
import { mleak } from "./mleak.js";
import { mstress } from "./mstress.js";
import { rptest } from "./rptest.js";
import { cacheScratch, cacheThrash } from "./scratch.js";
import { sh6bench } from "./sh6bench.js";
import { sh8bench } from "./sh8bench.js";
import { slabBulk } from "./slab-bulk.js";
import { slabTest } from "./slab-test.js";
import { xmallocTest } from "./xmalloc-test.js";

export const LOADS: readonly LoadDefinition[] = [
  larson,
  xmallocTest,
  mstress,
  rptest,
  sh6bench,
  sh8bench,
  allocTest,
  mleak,
  mallocMultithreading,
  ...slabTest,
  ...slabBulk,
  cacheScratch,
  cacheThrash,
  ...glibcSimple,
  glibcThread,
  mallocLarge,
  ...falseSharing,
  ...coreToCore,
];

/** @throws RangeError if there is none of that name */
export function loadNamed(name: string): LoadDefinition {
  const found = LOADS.find((load) => load.name === name);
  if (found !== undefined) return found;
  const names = LOADS.map((load) => load.name).join(", ");
  throw new RangeError(`load: expected one of ${names}, got ${name}`);
}
