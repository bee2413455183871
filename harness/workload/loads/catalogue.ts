/** Every load, in the order in which they are listed and run. */
import { coreToCore } from "./core-to-core.js";
import type { LoadDefinition } from "./definition.js";
import { falseSharing } from "./false-sharing.js";
import { glibcSimple } from "./glibc-simple.js";
import { glibcThread } from "./glibc-thread.js";
import { larson } from "./larson.js";
import { mallocLarge } from "./malloc-large.js";
import { cacheScratch, cacheThrash } from "./scratch.js";
import { slabBulk } from "./slab-bulk.js";
import { slabTest } from "./slab-test.js";

export const LOADS: readonly LoadDefinition[] = [
  larson,
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
