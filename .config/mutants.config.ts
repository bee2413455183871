/** How a mutant's unit tests are run: in one thread, which is the fastest way to start. */
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { IN_DIST, ROOT, alias } from "./paths.js";

export default defineConfig({
  root: ROOT,
  resolve: { alias },
  test: {
    include: ["test/unit/**/*.test.ts"],
    environment: "node",
    pool: "threads",
    fileParallelism: false,
    isolate: false,
    // Any row of a table may be the one that notices.
    env: { SLABLAB_TABLES: "whole" },
    setupFiles: [resolve(ROOT, "test/mutants/support/redirect.ts")],
    server: { deps: { external: [IN_DIST] } },
  },
});
