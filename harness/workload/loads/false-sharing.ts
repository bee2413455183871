/**
 * The ladder of false sharing: what a shared line costs, by how far apart CPUs count.
 *
 * Model: each CPU adds 1 to a word of its own by an atomic instruction; the words lie 4 to 256
 * bytes apart. Up to 64 bytes neighbours share a line, and beyond that they may still be fetched
 * together. Needs no heap, so it only runs beside ours.
 */
import type { LoadDefinition } from "./definition.js";

const STRIDES = [4, 8, 16, 32, 64, 128, 256];

export const falseSharing: readonly LoadDefinition[] = STRIDES.map((stride) => ({
  name: `false-sharing/${stride}`,
  prefix: "false_sharing",
  model: `CPUs count on words that lie ${stride} bytes apart`,
  unit: "atomic add",
  flavours: ["fused"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: () => [{ name: "stride", value: stride }],
  liveBytes: () => 0,
  between: "none",
  renewSteps: 0,
}));
