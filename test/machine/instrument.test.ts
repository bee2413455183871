/**
 * Goal: no access of a module that runs on the machine is without its hook. Method: count the
 * accesses in the text form, by a pass that shares nothing with the instrumenter.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import binaryen from "binaryen";
import { instrument } from "slablab/internal/machine/instrument/instrument.js";
import { accessOffsets } from "slablab/internal/machine/instrument/offsets.js";
import { type SiteTable, parseSiteTable } from "slablab/internal/machine/instrument/sites.js";
import { SELF_TEST_WAT } from "slablab/internal/machine/selftest.js";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
/** Every instruction that touches memory, by its name in the text format. */
const NAMES = [
  String.raw`(?:[if](?:32|64)|v128)\.(?:atomic\.)?(?:load|store)[\w.]*`,
  String.raw`i(?:32|64)\.atomic\.rmw[\w.]*`,
  String.raw`memory\.(?:atomic\.\w+|copy|fill|init|grow|size)`,
];
const ACCESS = new RegExp(String.raw`\b(?:${NAMES.join("|")})(?=[\s)])`, "g");

function sitesOf(build: string): SiteTable {
  const path = resolve(ROOT, `dist/wasm/machine/${build}.sites.json`);
  return parseSiteTable(readFileSync(path, "utf8"));
}

/** Accesses by function, in the text of a module. */
function accessesIn(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const body of text.split(/\n (?=\(func )/).slice(1)) {
    const name = /^\(func \$([^\s)]+)/.exec(body)?.[1] ?? "";
    const count = body.match(ACCESS)?.length ?? 0;
    if (count > 0) counts.set(name, count);
  }
  return counts;
}

describe.each(["model", "release"])("the build %s", (build) => {
  test("every access of every function has its hook", () => {
    const counts = accessesIn(readFileSync(resolve(ROOT, `build/${build}.wat`), "utf8"));
    const hooked = new Map<string, number>();
    for (const { function: name } of sitesOf(build).sites) {
      hooked.set(name, (hooked.get(name) ?? 0) + 1);
    }
    expect(hooked).toEqual(counts);
    expect(hooked.size).toBeGreaterThan(100);
  });

  test("a third pass, over the bytes, finds as many", () => {
    const bytes = readFileSync(resolve(ROOT, `build/${build}.wasm`));
    const { functions } = accessOffsets(bytes);
    const count = functions.reduce((sum, { accesses }) => sum + accesses.length, 0);
    expect(count).toBe(sitesOf(build).sites.length);
  });

  test("every access has its place in the sources, in the function it came from", () => {
    const { sites } = sitesOf(build);
    const texts = new Map<string, string[]>();
    for (const { function: emitted, kind, place } of sites) {
      if (place === null)
        throw new Error(`expected a place of the ${kind} in ${emitted}, got none`);
      const { file, line, function: name } = place;
      const lines = texts.get(file) ?? readFileSync(resolve(ROOT, file), "utf8").split("\n");
      texts.set(file, lines);
      expect(lines[line - 1]).toBeDefined();
      expect(lines.slice(0, line).some((text) => text.includes(`function ${name}(`))).toBe(true);
    }
    const cmpxchgs = sites.filter(({ kind }) => kind === "cmpxchg");
    expect(cmpxchgs.map(({ place }) => place?.function)).toEqual(
      cmpxchgs.map(({ width }) => (width === 8 ? "cmpxchg_double" : "cmpxchg")),
    );
    // It stands alone in its function, where no caller's place is before it.
    const waits = sites.filter(({ kind }) => kind === "wait");
    expect(waits.map(({ place }) => place?.function)).toEqual(["wait_on"]);
  });

  test("its names are those of the sources", () => {
    for (const { function: name } of sitesOf(build).sites) expect(name).toMatch(/^assembly\//);
  });
});

test("only the model build has this_cpu operations that form their address late", () => {
  const late = (build: string) => sitesOf(build).sites.filter(({ isThisCpu }) => isThisCpu);
  expect(late("model").map(({ kind, width }) => [kind, width])).toEqual([["cmpxchg", 8]]);
  expect(late("release")).toEqual([]);
});

test("as many calls of the hook as accesses, in text too", async () => {
  const { text, table } = await instrument(binary(SELF_TEST_WAT), { handlerCalls: [] });
  expect(text.match(/call \$machine\/hook/g)).toHaveLength(table.sites.length);
  expect(table.sites).toHaveLength(SELF_TEST_WAT.match(ACCESS)?.length ?? 0);
});

test("a module that cannot be instrumented: the function and the reason are named", async () => {
  const body = '(func $wide (export "wide") (drop (v128.load (i32.const 0))))';
  await expect(instrument(binary(withMemory(body)))).resolves.toBeTruthy();
  const fenced = '(func $fenced (export "fenced") (atomic.fence))';
  await expect(instrument(binary(withMemory(fenced)))).rejects.toThrow(
    /fenced cannot be: it has a fence/,
  );
  const table = '(table 1 funcref) (func $tables (export "tables") (drop (table.size 0)))';
  await expect(instrument(binary(withMemory(table)))).rejects.toThrow(
    /tables cannot be: it uses an instruction/,
  );
});

function withMemory(body: string): string {
  return `(module (import "env" "memory" (memory 1 1 shared)) ${body})`;
}

function binary(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(binaryen.Features.All);
    binaryen.setDebugInfo(true);
    return module.emitBinary();
  } finally {
    binaryen.setDebugInfo(false);
    module.dispose();
  }
}
