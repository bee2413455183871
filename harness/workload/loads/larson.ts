/**
 * larson: a server whose threads die and bleed objects to their successors (Larson and Krishnan
 * 1998; `larson 5 8 1000 5000 100 4141 N`).
 *
 * Model: each CPU has 5000 slots, filled with objects of 8 to 999 bytes, evenly drawn. A step picks
 * a slot, frees what is there, allocates a new size and writes two bytes. After each window every
 * CPU dies, and a new one inherits the slots of its neighbour, so that with two CPUs most of what
 * is freed early in a window was allocated by the other. Differs: the original's threads die
 * after 100 rounds of 5000 steps; here after a window of time.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 5000;
const SIZE_MIN = 8;
const SIZE_END = 1000;

export const larson: LoadDefinition = {
  name: "larson",
  prefix: "larson",
  model: "a server whose threads die and leave their objects to others",
  unit: "free + malloc of 8..999 bytes, 2 bytes written",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale) => [
    { name: "slots", value: scaled(SLOTS, scale) },
    { name: "sizeMin", value: SIZE_MIN },
    { name: "sizeEnd", value: SIZE_END },
  ],
  liveBytes: (scale, cpus) => scaled(SLOTS, scale) * ((SIZE_MIN + SIZE_END) / 2) * cpus,
  between: "inherit",
  renewSteps: 0,
};
