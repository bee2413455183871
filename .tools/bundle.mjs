/**
 * Bundles the library entry as an application would get it, for size-limit to weigh: everything
 * that `import { createHeap } from "slablab"` pulls in, minified, in build/size/.
 */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

await build({
  root: ROOT,
  configFile: false,
  publicDir: false,
  logLevel: "warn",
  build: {
    outDir: "build/size",
    emptyOutDir: true,
    // The wasm files stay files, as in dist/: they are loaded when a heap asks for them.
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: {
      input: join(ROOT, "dist", "index.js"),
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js" },
    },
  },
});
