/**
 * Serves the example with the headers that shared memory needs:
 * `npx vite harness/examples/audio-worklet`
 *
 * In a project of your own `slablab` is in node_modules, and the headers are all there is to say.
 */
import { fileURLToPath } from "node:url";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const root = fileURLToPath(new URL("../../..", import.meta.url));

export default {
  resolve: { alias: { slablab: `${root}dist/index.js` } },
  server: { headers, fs: { allow: [root] } },
  preview: { headers },
  build: { outDir: `${root}build/examples/audio-worklet`, emptyOutDir: true },
};
