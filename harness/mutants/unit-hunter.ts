/**
 * Unit tests as a hunter: those that are directed at what a mutant edits, run on its build.
 *
 * The build lies in a folder of its own, from which test/mutants/redirect.ts serves it instead of
 * the package's; all other builds stay as they are.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HuntOptions, type HuntResult, type Hunter, type Prey, timed } from "./hunter.js";
import { findRepository } from "./mutant.js";

/** What of the runner's report is read. */
interface TestReport {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

export const unit: Hunter = {
  name: "unit",
  unit: "tests",
  // A test that fails anyway has killed nothing.
  asksOriginal: true,
  targetOf: ({ target, tests }) => (tests.length === 0 ? null : target),
  hunt: (prey, options) => timed(() => runTests(prey, options)),
};

async function runTests(prey: Prey, options: HuntOptions): Promise<Omit<HuntResult, "seconds">> {
  const root = findRepository();
  const folder = await mkdtemp(join(tmpdir(), "slablab-mutant-"));
  try {
    await writeFile(join(folder, prey.target), prey.bytes);
    const output = join(folder, "report.json");
    const said = await run(root, folder, output, prey.tests, options);
    const text = await readFile(output, "utf8").catch(() => null);
    if (text === null) throw new Error(`expected a report of the unit tests, got:\n${said}`);
    return verdict(JSON.parse(text) as TestReport);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns what the runner printed */
function run(
  root: string,
  folder: string,
  output: string,
  tests: readonly string[],
  { signal }: HuntOptions,
): Promise<string> {
  const args = [
    ...["node_modules/vitest/vitest.mjs", "run", "--config", ".config/mutants.config.ts"],
    ...["--bail", "1", "--reporter", "json", "--outputFile", output],
    ...tests.map((name) => `test/unit/${name}.test.ts`),
  ];
  const env = { ...process.env, SLABLAB_WASM_DIR: folder };
  return new Promise((done, fail) => {
    const options = { cwd: root, env, ...(signal && { signal }) };
    const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (said += chunk));
    child.on("error", fail);
    child.on("close", () => done(said));
  });
}

function verdict(report: TestReport): Omit<HuntResult, "seconds"> {
  const schedules = report.numPassedTests + report.numFailedTests;
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === "failed"),
  );
  const [first] = failed;
  if (first !== undefined) return { killed: true, what: first.fullName, schedules };
  if (report.numTotalTests === 0) throw new Error("expected unit tests to run, got none");
  return { killed: false, what: "", schedules };
}
