/**
 * Goal: every command line that the documents and --help show is one that works.
 *
 * Method: all of them are collected and parsed by the real program, whose actions are replaced by
 * nothing; those of --help are run, too, with a budget that ends them soon. Scripts and examples
 * are looked up.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { createProgram } from "slablab/internal/cli/cli-program.js";
import { afterAll, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import { slablabHere } from "./support/command.js";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(ROOT, "dist/cli/main.js");

const DOCUMENTS = [
  ...["README.md", "bench/README.md", "harness/examples/README.md"],
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

const folder = mkdtempSync(join(tmpdir(), "slablab-lines-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Line {
  readonly where: string;
  readonly words: readonly string[];
}

/** The words of a command line as a shell makes them; what comes after `#` is a comment. */
function wordsOf(text: string): string[] {
  const [code = ""] = text.split(/\s#\s| {3,}/);
  return [...code.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
}

/** Command lines of `slablab` in a text: its own lines, and between backticks. */
function linesIn(where: string, text: string): Line[] {
  const own = text.match(/^ *(?:\$ )?(?:npx )?slablab .*$/gm) ?? [];
  const inline = [...text.matchAll(/`(?:npx )?(slablab [^`]+)`/g)].map(([, line = ""]) => line);
  const parts = [...own, ...inline].flatMap((line) => line.split(/ && | \| |; /));
  return parts.flatMap((part) => {
    const [, line = ""] = /^(?:\$ )?(?:npx )?slablab +(.*)$/.exec(part.trim()) ?? [];
    const words = wordsOf(line);
    return /^[a-z]/.test(words[0] ?? "") ? [{ where, words }] : [];
  });
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

function withoutActions(command: Command): Command {
  for (const each of command.commands) withoutActions(each).action(() => {});
  return command.configureOutput({ writeErr: () => {}, writeOut: () => {}, outputError: () => {} });
}

const helpLines = createProgram().commands.flatMap((command) =>
  [command, ...command.commands].flatMap((each) => {
    const [, examples = ""] = helpOf(each).split(/^Examples?:$/m);
    return linesIn(`slablab ${command.name()} --help`, examples);
  }),
);
const documentLines = DOCUMENTS.flatMap((file) =>
  linesIn(file, readFileSync(join(ROOT, file), "utf8")),
);

test("there are examples to try", () => {
  expect(helpLines.length).toBeGreaterThan(15);
  expect(documentLines.length).toBeGreaterThan(20);
});

test.each([...helpLines, ...documentLines].map((line) => [line.where, line.words.join(" "), line]))(
  "%s: slablab %s is understood",
  async (_where, _text, { words }) => {
    const program = withoutActions(createProgram());
    await expect(program.parseAsync([...words], { from: "user" }).then(() => "fine")).resolves.toBe(
      "fine",
    );
  },
);

/** What ends each command soon; the last of two options counts. null: needs files. */
function shortened([command = "", ...rest]: readonly string[]): string[] | null {
  if (rest.includes("--snapshot") || rest.includes("--merge") || rest[0] === "compare") return null;
  const budgets: Record<string, readonly string[]> = {
    compare: ["--duration", "20ms", "--rounds", "1", "--arm", "none"],
    bench: ["--list"],
    mutants: ["--list"],
    stress: ["--duration", "100ms", "--cpus", "2", ...(rest.includes("--kill") ? [] : ["-q"])],
    fuzz: ["--ops", "20", "--cpus", "1", "--arm", "direct"],
    trace: ["--duration", "20ms"],
    explore: rest.some((word) => ["--all", "--deep"].includes(word))
      ? ["--list"]
      : ["--schedules", "5", "--bound", "1"],
    slabinfo: ["--ops", "100"],
    slabtop: ["--ops", "100", "--once"],
  };
  return [command, ...rest, ...(budgets[command] ?? [])];
}

const RUNS = helpLines.flatMap(({ words }) => {
  const args = shortened(words);
  return args === null ? [] : [[args.join(" "), args] as const];
});
/** In the ordinary run the first of each command. */
const FIRST = new Set(
  [...new Set(RUNS.map(([, [command]]) => command))].map((command) =>
    RUNS.find(([, args]) => args[0] === command && !args.includes("--kill")),
  ),
);

test.each(rows(RUNS, (run) => FIRST.has(run)))(
  "slablab %s ends as it should",
  async (_text, args) => {
    const [status, stderr] = await new Promise<[number | null, string]>((done) => {
      const child = execFile(process.execPath, [BINARY, ...args], { cwd: folder }, (_, __, text) =>
        done([child.exitCode, text]),
      );
    });
    expect(stderr).not.toMatch(/^ {4}at /m);
    // A machine that is busy may keep compare from finishing one round; it says so, with 3.
    expect(args[0] === "compare" ? [0, 3] : [0]).toContain(status);
  },
);

test("scripts and files that the documents name are there", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const file of [...DOCUMENTS, "package.json"]) {
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const [, name = ""] of text.matchAll(/npm run ([a-z:]+)/g)) {
      expect(Object.keys(scripts), `${file}: npm run ${name}`).toContain(name);
    }
    for (const [, path = ""] of text.matchAll(/node (harness\/examples\/\S+?\.mjs)/g)) {
      expect(existsSync(join(ROOT, path)), `${file}: ${path}`).toBe(true);
    }
  }
});

test.each([
  [
    "a name that an option had before is understood",
    ["compare", "--arms", "globl"],
    "--arm <list>",
  ],
  ["a number that cannot be", ["explore", "model/64/cpus99/task:k0"], "expected cpus in 1..15"],
  ["a size that cannot be", ["explore", "model/99999999/task:k0"], "expected bytes of an object"],
  ["a CPU that cannot be", ["explore", "model/64/task99:k0"], "expected the CPU of a task"],
  ["NMIs on no task", ["explore", "model/64/task:k0/nmi3:K1"], "expected NMIs on one of 1 tasks"],
  ["too small a memory", ["explore", "model/64/kib64/task:k0"], "tables to fit the memory"],
])("%s: a sentence and status 2", async (_name, args, message) => {
  const { status, stderr } = await slablabHere(...args);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
});
