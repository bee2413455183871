/**
 * Goal: what the documents say of the sources is so. Method: functions and files that kernel-map
 * names are looked up, and so is what else a sentence can be held to.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { buildsOf } from "slablab/internal/cli/builds.js";
import { ARMS } from "slablab/internal/heap/arms.js";
import { expect, test } from "vitest";
import { listFiles } from "../../.tools/files.mjs";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** The first column of each row: a file, and functions that it has. */
const OURS = [...read("docs/kernel-map.md").matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(
  ([, cell = ""]) =>
    [...cell.matchAll(/`([a-z_/-]+\.(?:ts|mjs))(?: ([^`]+))?`/g)].map(
      ([, file = "", names = ""]) => ({
        file: file.includes("harness/") || file.includes("test/") ? file : `assembly/${file}`,
        names: [...names.matchAll(/([A-Za-z_]+)(?:\(\))?(?:, |$)/g)].map(([, name = ""]) => name),
      }),
    ),
);

test("kernel-map names many functions", () => {
  expect(OURS.flatMap(({ names }) => names).length).toBeGreaterThan(60);
});

test.each(OURS.map(({ file, names }) => [file, names] as const))(
  "kernel-map: %s has %j",
  (file, names) => {
    const source = read(file);
    for (const name of names) {
      expect(source).toMatch(new RegExp(`(function|class|const) ${name}\\b`));
    }
  },
);

test("the picture of a slab's states names functions that there are", () => {
  const [, picture = ""] =
    /```\n( +allocate_slab[\s\S]*?)```/.exec(read("assembly/slab/README.md")) ?? [];
  const names = picture.match(/[a-z]+_[a-z_]+/g) ?? [];
  expect(names.length).toBeGreaterThan(4);
  const map = read("docs/kernel-map.md");
  for (const name of names) expect(map).toContain(`${name}()`);
});

test.each(["README.md", "docs/architecture.md", "docs/kernel-map.md", "docs/SECURITY.md"])(
  "links of %s lead to files",
  (document) => {
    for (const [, target = ""] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(existsSync(join(ROOT, dirname(document), target)), target).toBe(true);
    }
  },
);

test.each(ARMS)("README.md has the row of the arm $name", ({ name, waits, drained }) => {
  expect(read("README.md")).toContain(`| \`${name}\` | ${waits} | ${drained} |\n`);
});

/** With the names of things that are there in the place of NAME. */
const PATHS = [...read("docs/CONTRIBUTING.md").split("## What a new thing touches")].at(-1) ?? "";
test.each([...PATHS.matchAll(/`([a-z]+\/[^` ]+|README\.md)`/g)].map(([, path = ""]) => path))(
  "CONTRIBUTING.md sends who adds something to %s, which is there",
  (path) => {
    const [, folder = ""] = /\/(loads|peers)\//.exec(path) ?? [];
    const name = { loads: "rptest", peers: "dlmalloc" }[folder] ?? "compare";
    expect(existsSync(join(ROOT, path.replaceAll("NAME", name))), path).toBe(true);
  },
);

test("CONTRIBUTING.md names the files that a new thing touches", () => {
  expect(PATHS.match(/`[a-z]+\/[^` ]+`/g)?.length).toBeGreaterThan(12);
});

test("a load is its loop, what it is, and its place in one list", () => {
  const places = ["assembly", "harness", ".tools"].flatMap((folder) => listFiles(ROOT, folder));
  expect(places.filter((path) => /\bmleak(\b|_)/.test(read(path))).sort()).toEqual([
    "assembly/workload/loads/mleak.ts",
    "harness/workload/loads/catalogue.ts",
    "harness/workload/loads/mleak.ts",
  ]);
});

test("npm start builds what compare runs, and nothing else", () => {
  const { prestart } = JSON.parse(read("package.json")).scripts;
  expect(prestart).toBe(`node .tools/prepare.mjs --for ${buildsOf("compare").join()}`);
});

test("SECURITY.md sends nobody to an address that package.json has not", () => {
  const { author, bugs, contributors, maintainers, repository } = JSON.parse(read("package.json"));
  const has = [author, bugs, contributors, maintainers, repository].some(Boolean);
  expect(has || !/listed in `?package\.json/.test(read("docs/SECURITY.md"))).toBe(true);
});
