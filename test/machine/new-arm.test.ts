/**
 * Goal: an arm whose place and trigger are there already is one row of harness/heap/arms.ts, and a
 * line of a document. Method: a copy of harness/ with one row more is compiled with all its types;
 * a heap of that arm is made with the wasm as it is, and the numbers of programs are as they were.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findProgram } from "slablab/internal/machine/scenarios/generated.js";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const ROW = '  { name: "late-switch", place: "cpu and cache", trigger: "switch" },\n';
const PROGRAM = "one-pairs-101502";

const USE = `
  import { createHeap, DEFER_ARMS } from "./dist/index.js";
  import { parseArms } from "./dist/cli/compare/compare-options.js";
  import { findProgram } from "./dist/machine/scenarios/generated.js";
  import { parseScenario } from "./dist/machine/scenarios/scenario.js";
  const heap = await createHeap({ defer: "late-switch", cpus: 2 });
  const cpu = heap.cpu();
  cpu.nmi(() => cpu.kfreeNolock(cpu.kmallocNolock(64)));
  console.log(JSON.stringify({
    findings: heap.validate(),
    arm: heap.options.defer,
    isListed: DEFER_ARMS.includes("late-switch"),
    compared: parseArms("late-switch"),
    scenario: parseScenario("model/64/late-switch/task:k0").arm,
    program: findProgram("${PROGRAM}").text,
  }));`;

test("an arm with a known place and trigger is a row of arms.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "slablab-arm-"));
  try {
    for (const part of ["harness", "build/types", "package.json", "tsconfig.json", "dist/wasm"]) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const arms = join(folder, "harness/heap/arms.ts");
    const text = readFileSync(arms, "utf8");
    const direct = '  { name: "direct"';
    expect(text.split(direct)).toHaveLength(2);
    writeFileSync(arms, text.replace(direct, ROW + direct));
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const options = ["-p", "tsconfig.json", "--incremental", "false", "--declaration", "false"];
    execFileSync(process.execPath, [compiler, ...options], { cwd: folder, encoding: "utf8" });
    writeFileSync(join(folder, "use.mjs"), USE);
    const said = execFileSync(process.execPath, ["use.mjs"], { cwd: folder, encoding: "utf8" });
    expect(JSON.parse(said)).toEqual({
      findings: [],
      arm: "late-switch",
      isListed: true,
      compared: ["none", "late-switch"],
      scenario: "late-switch",
      program: findProgram(PROGRAM)?.text,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
