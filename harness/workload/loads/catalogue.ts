/** Every load, in the order in which they are listed and run. */
import { allocTest } from "./alloc-test.js";
import type { LoadDefinition } from "./definition.js";
import { larson } from "./larson.js";
import { mallocMultithreading } from "./malloc-multithreading.js";
import { mleak } from "./mleak.js";
import { mstress } from "./mstress.js";
import { rptest } from "./rptest.js";
import { sh6bench } from "./sh6bench.js";
import { sh8bench } from "./sh8bench.js";
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
];

/** @throws RangeError if there is none of that name */
export function loadNamed(name: string): LoadDefinition {
  const found = LOADS.find((load) => load.name === name);
  if (found !== undefined) return found;
  const names = LOADS.map((load) => load.name).join(", ");
  throw new RangeError(`load: expected one of ${names}, got ${name}`);
}
