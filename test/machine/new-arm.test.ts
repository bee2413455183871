/**
 * Goal: an arm whose place and trigger are there already is one row of harness/heap/arms.ts, and a
 * line of README.md, which test/tidy holds against the row. Method: a copy of harness/ with one row
 * more is compiled, in the deep run as a whole with all its types; a heap of that arm is made with
 * the wasm as it is, whoever takes arms takes it, and numbers of programs and the schema of reports
 * are as they were. That no other file lists arms is a rule of test/tidy.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import { findProgram } from "slablab/internal/machine/scenarios/generated.js";
import { expect, test } from "vitest";
import { isWhole } from "../support/tier.js";

const ROOT = resolve(import.meta.dirname, "../..");
/** A place and a trigger that no other arm has together. */
const ROW = `  {
    name: "node-switch",
    place: "node",
    trigger: "switch",
    isNumbered: false,
    waits: "one list per cache and node",
    drained: "whoever replaces the cpu slab",
  },
`;
const PROGRAM = "one-pairs-101502";

const USE = `
  import { createHeap, DEFER_ARMS } from "./dist/index.js";
  import { parseArms } from "./dist/cli/compare/compare-options.js";
  import { findProgram } from "./dist/machine/scenarios/generated.js";
  import { SCENARIOS } from "./dist/machine/scenarios/named.js";
  import { compareReportSchema } from "./dist/report/compare/compare-schema.js";
  import { makeMatrix } from "./dist/workload/reentry/reentry-setup.js";
  import { toJsonSchema } from "@valibot/to-json-schema";
  import { parseScenario } from "./dist/machine/scenarios/scenario.js";
  const heap = await createHeap({ defer: "node-switch", cpus: 2 });
  const cpu = heap.cpu();
  cpu.nmi(() => cpu.kfreeNolock(cpu.kmallocNolock(64)));
  console.log(JSON.stringify({
    findings: heap.validate(),
    arm: heap.options.defer,
    isListed: DEFER_ARMS.includes("node-switch"),
    compared: parseArms("node-switch"),
    schema: toJsonSchema(compareReportSchema),
    isExplored: SCENARIOS.some(({ name }) => name === "defer-drain-node-switch"),
    fuzzed: makeMatrix({ arm: null, features: null, depth: 1, cpus: 1 })
      .filter(({ arm }) => arm === "node-switch").length,
    scenario: parseScenario("model/64/node-switch/task:k0").arm,
    program: findProgram("${PROGRAM}").text,
  }));`;

/** With all types: what leans on the arms that there are does not compile. */
function compileAll(folder: string): void {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const options = ["-p", "tsconfig.json", "--incremental", "false", "--declaration", "false"];
  execFileSync(process.execPath, [compiler, ...options], { cwd: folder, encoding: "utf8" });
}

/** The table alone, beside everything else as it was built: what a program meets is the same. */
function compileArms(folder: string): void {
  cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
  const text = readFileSync(join(folder, "harness/heap/arms.ts"), "utf8");
  const { module, target } = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext };
  const { outputText } = ts.transpileModule(text, { compilerOptions: { module, target } });
  writeFileSync(join(folder, "dist/heap/arms.js"), outputText);
}

test("an arm with a known place and trigger is a row of arms.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "slablab-arm-"));
  try {
    for (const part of ["harness", "build/types", "package.json", "tsconfig.json", "dist/wasm"]) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const arms = join(folder, "harness/heap/arms.ts");
    const text = readFileSync(arms, "utf8");
    const direct = '  {\n    name: "direct"';
    expect(text.split(direct)).toHaveLength(2);
    writeFileSync(arms, text.replace(direct, ROW + direct));
    if (isWhole) compileAll(folder);
    else compileArms(folder);
    writeFileSync(join(folder, "use.mjs"), USE);
    const said = execFileSync(process.execPath, ["use.mjs"], { cwd: folder, encoding: "utf8" });
    expect(JSON.parse(said)).toEqual({
      findings: [],
      arm: "node-switch",
      isListed: true,
      compared: ["none", "node-switch"],
      schema: JSON.parse(readFileSync(join(ROOT, "docs/schema/compare-v1.schema.json"), "utf8")),
      isExplored: true,
      fuzzed: 10,
      scenario: "node-switch",
      program: findProgram(PROGRAM)?.text,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
