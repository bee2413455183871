/**
 * malloc-large: buffers of many MiB (`malloc_large`: 2000 steps, 20 buffers, 5 to 25 MiB).
 *
 * Model: a step frees a random one of 20 buffers and allocates another of 5 to 25 MiB, evenly
 * drawn. Slabs have no part in it: it is runs of 4 MiB blocks from the page allocator. Differs: 8
 * bytes are written, so that no page of the operating system is measured; runs on CPU 0 alone, as
 * the original, and for a time. A scale below 1 makes the buffers fewer; the memory of a module
 * has no room for more.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const BUFFERS = 20;
const MIB = 2 ** 20;
const SIZE_MIN = 5 * MIB;
const SIZE_END = 25 * MIB + 1;

function buffers(scale: number): number {
  return Math.min(BUFFERS, scaled(BUFFERS, scale, 2));
}

export const mallocLarge: LoadDefinition = {
  name: "malloc-large",
  prefix: "malloc_large",
  model: "buffers of many MiB are replaced at random",
  unit: "free + malloc of 5..25 MiB",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 1,
  parameters: (scale) => [
    { name: "buffers", value: buffers(scale) },
    { name: "sizeMin", value: SIZE_MIN },
    { name: "sizeEnd", value: SIZE_END },
  ],
  liveBytes: (scale) => buffers(scale) * SIZE_END,
  between: "none",
  renewSteps: 0,
};
