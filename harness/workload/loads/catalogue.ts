/** Every load, in the order in which they are listed and run. */
import type { LoadDefinition } from "./definition.js";
import { larson } from "./larson.js";

export const LOADS: readonly LoadDefinition[] = [larson];

/** @throws RangeError if there is none of that name */
export function loadNamed(name: string): LoadDefinition {
  const found = LOADS.find((load) => load.name === name);
  if (found !== undefined) return found;
  const names = LOADS.map((load) => load.name).join(", ");
  throw new RangeError(`load: expected one of ${names}, got ${name}`);
}
