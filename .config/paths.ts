/** Where tests find the built package: `slablab` is dist/index.js, `slablab/internal/*` dist/*. */
import { resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..");
const DIST = resolve(ROOT, "dist");

/** Loaded by the runtime itself, not transformed, so a Worker it starts loads the same files. */
export const IN_DIST = new RegExp(
  `^${DIST.replaceAll("\\", "/").replace(/[.*+?^${}()|[\]]/g, "\\$&")}/`,
);

export const alias = [
  { find: /^slablab$/, replacement: `${DIST}/index.js` },
  { find: /^slablab\/internal\//, replacement: `${DIST}/` },
];
