/**
 * glibc-thread: mixed sizes, nothing shared (glibc's bench-malloc-thread).
 *
 * Model: each CPU has 1024 slots. A step frees what is in one, allocates a size from 4 to 32,768
 * bytes, whose probability falls with its square (36 bytes on average), and writes all of it. 8000
 * sizes and 4096 slot numbers are drawn beforehand and used in turn. Differs: runs in windows of
 * time; slots scale.
 *
 * Live bytes are bounded by chance: 1 KiB for each slot and 1 MiB for each CPU are more than 20
 * of the largest objects beyond what is expected, of which there is less than one.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 1024;
const SIZE_MIN = 4;
const SIZE_MAX = 32_768;
const SIZES = 8000;
const OFFSETS = 4096;
const SLOT_BYTES = 1024;
const CPU_BYTES = 2 ** 20;

export const glibcThread: LoadDefinition = {
  name: "glibc-thread",
  prefix: "glibc_thread",
  model: "slots are replaced by objects of mixed sizes, most of them small",
  unit: "free + malloc of 4..32768 bytes, all written",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale) => [
    { name: "slots", value: scaled(SLOTS, scale) },
    { name: "sizeMin", value: SIZE_MIN },
    { name: "sizeMax", value: SIZE_MAX },
    { name: "sizes", value: SIZES },
    { name: "offsets", value: OFFSETS },
  ],
  liveBytes: (scale, cpus) => (scaled(SLOTS, scale) * SLOT_BYTES + CPU_BYTES) * cpus,
  between: "none",
  renewSteps: 0,
};
