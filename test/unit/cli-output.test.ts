/**
 * Goal: no run is lost because of where its output goes: a full disk, an empty path, a reader that
 * leaves. Method: the real binary; /dev/full is a disk without room, `ulimit -f` one that has room
 * for the beginning.
 */
import { type SpawnOptions, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rows } from "../support/tier.js";

const BINARY = resolve(import.meta.dirname, "../../dist/cli/main.js");
const FULL = "/dev/full";

const folder = mkdtempSync(join(tmpdir(), "slablab-output-"));
mkdirSync(join(folder, ".slablab", "bench"), { recursive: true });
symlinkSync(FULL, join(folder, ".slablab", "bench", "full.json"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in `folder`; a stream in `closed` has a reader that leaves at once. */
function run(
  args: readonly string[],
  { closed, stdio = "pipe" }: { closed?: "stdout" | "stderr"; stdio?: SpawnOptions["stdio"] } = {},
): Promise<Outcome> {
  const [program = "", ...rest] = args;
  const child = spawn(program, rest, { cwd: folder, stdio });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data) => {
    stdout += data;
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  if (closed !== undefined) child[closed]?.destroy();
  return new Promise((done) => {
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}

const slablab = (command: string, options?: Parameters<typeof run>[1]) =>
  run(
    [process.execPath, BINARY, ...command.split(" ").map((word) => word.replace("''", ""))],
    options,
  );

const BENCH = "bench nolock-pair --duration 1ms";
const EXPLORE = "explore remote-free-irq-work --bound 1 --schedules 20";
const STRESS = "stress --cpus 2 --duration 200ms --arm irq-work";
const FUZZ = "fuzz --cpus 1 --ops 50 --arm irq-work";
const COMPARE = "compare --arms global --duration 200ms --rounds 1 --shares 0";

describe.skipIf(process.platform !== "linux")("a full disk", () => {
  const RUNS: readonly [string, string][] = [
    [`${BENCH} --save full`, "--save"],
    [`${BENCH} --html ${FULL}`, "--html"],
    [`${BENCH} --json --save full`, "--save"],
    [`${EXPLORE} --output ${FULL}`, "--output"],
    [`${EXPLORE} --json --output ${FULL}`, "--output"],
    [`${STRESS} --snapshot ${FULL}`, "--snapshot"],
    [`${FUZZ} --snapshot ${FULL}`, "--snapshot"],
    [`${COMPARE} --snapshot ${FULL}`, "--snapshot"],
    [`trace --duration 50ms --cpus 1 --output ${FULL}`, "--output"],
    [`trace --duration 50ms --cpus 1 --out t.json --snapshot ${FULL}`, "--snapshot"],
    [`slabinfo --ops 10 --save-snapshot ${FULL}`, "--save-snapshot"],
  ];
  /** In the ordinary run each option of a file once. */
  const KEPT = new Set([RUNS[1], RUNS[2], RUNS[4], RUNS[6], RUNS[8], RUNS[10]]);

  test.each(rows(RUNS, (run) => KEPT.has(run)))(
    "slablab %s: the result, a sentence, and status 3",
    async (command, option) => {
      const { status, stdout, stderr } = await slablab(command);
      expect(stderr).toContain(`slablab: ${option}: cannot write `);
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(stdout.length).toBeGreaterThan(200);
      if (command.includes("--json")) JSON.parse(stdout);
      expect(status).toBe(3);
    },
  );

  test("under standard output: a sentence and status 3; files are written still", async () => {
    const stdio: SpawnOptions["stdio"] = ["ignore", openSync(FULL, "w"), "pipe"];
    const { status, stderr } = await slablab(`${EXPLORE} --output o.json`, { stdio });
    expect(stderr).toMatch(/^slablab: cannot write the result to standard output: ENOSPC/m);
    expect(status).toBe(3);
    expect(JSON.parse(readFileSync(join(folder, "o.json"), "utf8")).command).toBe("explore");
  });

  test("that takes the beginning of the result alone is not fine either", async () => {
    const command = `ulimit -f 1; '${process.execPath}' '${BINARY}' explore --list >part.txt`;
    const { status, stderr } = await run(["bash", "-c", command]);
    expect(stderr).toMatch(/^slablab: cannot write the result to standard output: EFBIG/m);
    expect(status).toBe(3);
  });
});

test.each([
  [`${BENCH} --html ''`, "--html"],
  [`${EXPLORE} --output ''`, "--output"],
])(
  "slablab %s: said before the run, whose result is printed, and status 3",
  async (command, option) => {
    const { status, stdout, stderr } = await slablab(command);
    expect(stderr).toMatch(new RegExp(`^slablab: ${option}: expected a file, got an empty path`));
    expect(stderr).toContain(`${option}: cannot write a file with an empty path`);
    expect(stdout.length).toBeGreaterThan(200);
    expect(status).toBe(3);
  },
);

describe("a reader that leaves", () => {
  const RUNS = [
    ...[BENCH, EXPLORE, STRESS, FUZZ, COMPARE, "trace --duration 50ms --cpus 1", "slabinfo -s"],
    "stress --kill --cpus 2 --duration 200ms --arm irq-work",
  ];

  test.each(rows(RUNS, (run) => run === FUZZ || run === BENCH))(
    "from standard error does not end slablab %s",
    async (command) => {
      const { status, stdout } = await slablab(command, { closed: "stderr" });
      expect(stdout.length).toBeGreaterThan(200);
      // On a busy machine compare may finish no round, and says so.
      expect(status === 3 && command === COMPARE ? 0 : status).toBe(0);
    },
  );

  test("from standard error does not change the status of a wrong command", async () => {
    expect((await slablab("stress --cpus 65", { closed: "stderr" })).status).toBe(2);
    expect((await slablab("docter", { closed: "stderr" })).status).toBe(2);
  });

  test("from standard output keeps no file from being written", async () => {
    const { status } = await slablab(`${EXPLORE} --output left.json`, { closed: "stdout" });
    expect(JSON.parse(readFileSync(join(folder, "left.json"), "utf8")).command).toBe("explore");
    expect(status).toBe(0);
  });
});
