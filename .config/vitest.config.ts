/**
 * The test projects. `npm test` runs all of them; `--project NAME` selects.
 *
 * unit     test/unit, test/model: fast, in parallel
 * tidy     test/tidy: rules over the sources and over the emitted wasm
 * machine  test/machine, test/mutants: the instrumented binary, one thread
 * threads  test/threads: real Workers, apart from what computes in one thread
 * measure  test/measure: what measures, a file at a time: where CPUs do not run together, it
 *          measures again, which takes longer
 * browser  test/browser: Chromium, cross-origin isolated
 * runtimes test/runtimes: the packed tarball on every runtime, and in a build of Vite
 *
 * Tests import the built package: `slablab` is dist/index.js, `slablab/internal/*` is dist/*. It is
 * loaded by the runtime itself, not transformed, so a Worker it starts loads the same files.
 */
import { availableParallelism } from "node:os";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { findChromium } from "../.tools/chromium.mjs";
import { IN_DIST, ROOT, alias } from "./paths.js";

/**
 * What no test and no hook takes on any machine that is still alive: a limit ends what hangs, it
 * judges nothing. Work is counted, not timed.
 */
const LIMIT_MS = (process.env["SLABLAB_DEEP"] === "1" ? 60 : 10) * 60_000;

/** What test/support/tier.ts asks for; a browser has no environment but this. */
const TIER = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name, value]) => /^SLABLAB_(DEEP|NIGHT|TABLES|SEED)$/.test(name) && value !== undefined,
  ),
);

const LIMITS = { testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS, teardownTimeout: LIMIT_MS };

/** Test files at a time where they do not compete: by itself vitest leaves one core idle. */
const AT_ONCE = Math.max(2, availableParallelism() - 1);

/** Projects of one group run together, groups one after the other. */
function nodeProject(
  name: string,
  folders: readonly string[],
  test: TestProjectInlineConfiguration["test"],
): TestProjectInlineConfiguration {
  return {
    root: ROOT,
    resolve: { alias },
    test: {
      name,
      include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
      environment: "node",
      // A process takes longer to start than most files to run, and dist/ is loaded into it once in
      // any case: files that follow one another share one.
      isolate: false,
      ...LIMITS,
      server: { deps: { external: [IN_DIST] } },
      ...test,
    },
  };
}

async function browserProject(): Promise<TestProjectInlineConfiguration> {
  const name = "browser";
  const group = { sequence: { groupOrder: 3 } };
  try {
    const launchOptions = await findChromium();
    return {
      root: ROOT,
      resolve: { alias },
      // What makes SharedArrayBuffer exist in a page.
      server: {
        headers: {
          "Cross-Origin-Opener-Policy": "same-origin",
          "Cross-Origin-Embedder-Policy": "require-corp",
        },
      },
      test: {
        name,
        include: ["test/browser/**/*.test.ts"],
        ...LIMITS,
        env: TIER,
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          provider: playwright({ launchOptions }),
          instances: [{ browser: "chromium" }],
        },
        ...group,
      },
    };
  } catch (error) {
    // One failing test with the reason, so that the other projects still run.
    const env = { SLABLAB_NO_BROWSER: error instanceof Error ? error.message : String(error) };
    return { root: ROOT, test: { name, include: [".config/no-browser.test.ts"], env, ...group } };
  }
}

export default defineConfig({
  root: ROOT,
  test: {
    maxWorkers: AT_ONCE,
    projects: [
      nodeProject("unit", ["unit", "model"], { sequence: { groupOrder: 0 } }),
      nodeProject("tidy", ["tidy"], { sequence: { groupOrder: 0 } }),
      nodeProject("machine", ["machine", "mutants"], { sequence: { groupOrder: 0 } }),
      nodeProject("threads", ["threads"], { sequence: { groupOrder: 1 } }),
      nodeProject("measure", ["measure"], { sequence: { groupOrder: 2 }, maxWorkers: 1 }),
      await browserProject(),
      nodeProject("runtimes", ["runtimes"], {
        sequence: { groupOrder: 3 },
        globalSetup: ["test/runtimes/support/setup.ts"],
      }),
    ],
  },
});
