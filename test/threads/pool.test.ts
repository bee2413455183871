/**
 * Pools: Workers that are CPUs run jobs together, and no failure of one leaves anybody waiting.
 *
 * Goal: whatever a job does, its run settles and says which CPU it was. Method: jobs that behave,
 * throw, end their Worker in every way there is, or never end, on real Workers.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createHeap } from "slablab";
import { createPool, type Pool } from "slablab/internal/cpu/pool.js";
import { afterEach, describe, expect, test } from "vitest";
import { jobOf } from "./support/jobs.js";

const POOL = pathToFileURL(resolve(import.meta.dirname, "../../dist/cpu/pool.js")).href;
const job = (name: string) => jobOf("pool", name);
const pools: Pool[] = [];

/** A pool that ends with the test. */
async function poolOf(...args: Parameters<typeof createPool>): Promise<Pool> {
  const pool = await createPool(...args);
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

describe("a run", () => {
  test("gives each CPU its context and arguments and collects the results in order", async () => {
    const heap = await createHeap({ cpus: 6 });
    const pool = await poolOf(heap, { cpus: 3, firstCpu: 2 });
    const results = await pool.run(job("introduce"), { argsOf: (index) => `for ${index}` });
    expect(results).toEqual([
      { index: 0, cpus: 3, cpu: 2, heapCpus: 6, args: "for 0" },
      { index: 1, cpus: 3, cpu: 3, heapCpus: 6, args: "for 1" },
      { index: 2, cpus: 3, cpu: 4, heapCpus: 6, args: "for 2" },
    ]);
  });

  test("on some CPUs leaves the others alone, which may run something else meanwhile", async () => {
    const pool = await poolOf([], { cpus: 3 });
    const spinning = pool.run<number>(job("spinUntilStopped"), { on: [0, 2] });
    const results = await pool.run(job("countOff"), { on: [1], args: "other" });
    expect(results).toEqual([{ index: 0, cpus: 1, args: "other" }]);
    await expect(pool.run(job("countOff"))).rejects.toThrow(
      /expected idle Workers, got CPU 0 in the middle of job spinUntilStopped/,
    );
    pool.stop();
    expect((await spinning).length).toBe(2);
  });

  test("lets nobody pass a start line before everybody is there", async () => {
    const pool = await poolOf([], { cpus: 4 });
    const words = new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT);
    const worst = await pool.run<number>(job("marchInStep"), { args: { words, lines: 200 } });
    expect(worst).toEqual([0, 0, 0, 0]);
  });

  test("of a job that is not there says what the module exports", async () => {
    const pool = await poolOf([], { cpus: 2 });
    await expect(pool.run(job("nothing"))).rejects.toThrow(/to export a function nothing, got/);
    await expect(pool.run({ module: "file:///no/such.js", name: "x" })).rejects.toThrow(/no\/such/);
    expect(await pool.run(job("countOff"))).toHaveLength(2);
  });

  test("without a heap refuses to give one out", async () => {
    const pool = await poolOf([], { cpus: 1 });
    await expect(pool.run(job("introduce"))).rejects.toThrow(/expected a run with a heap/);
  });
});

describe("heaps", () => {
  test("several are served in turn by the same Workers under the same numbers", async () => {
    const [first, second, third] = await Promise.all([
      createHeap({ cpus: 2 }),
      createHeap({ cpus: 3 }),
      createHeap({ cpus: 4 }),
    ]);
    const pool = await poolOf([first, second], { cpus: 2 });
    const id = await pool.attach(third);
    const cpusOf = async (heap?: number) => {
      const results = await pool.run<{ heapCpus: number }>(job("introduce"), {
        ...(heap === undefined ? {} : { heap }),
      });
      return results.map(({ heapCpus }) => heapCpus);
    };
    expect(await cpusOf(0)).toEqual([2, 2]);
    expect(await cpusOf(1)).toEqual([3, 3]);
    expect(await cpusOf(id)).toEqual([4, 4]);
    expect(await cpusOf()).toEqual([4, 4]);
    await pool.detach(id);
    expect(await cpusOf()).toEqual([3, 3]);
    await expect(cpusOf(id)).rejects.toThrow(/expected a heap that this CPU has joined/);
    // A number that is free again can be taken from here.
    expect(third.cpu(1).id).toBe(1);
  });

  test("a taken number makes attach fail and leaves nobody behind", async () => {
    const heap = await createHeap({ cpus: 3 });
    const mine = heap.cpu(2);
    const pool = await poolOf([], { cpus: 3 });
    await expect(pool.attach(heap)).rejects.toThrow(/CPU 2, attach: RangeError: .* which is taken/);
    mine.offline();
    expect(await pool.attach(heap)).toBe(1);
  });

  test("a CPU that went offline in a job can come back, or stay away until close()", async () => {
    const heap = await createHeap({ cpus: 2 });
    const pool = await poolOf(heap, { cpus: 2 });
    const numbers = await pool.run(job("comeBack"));
    expect(numbers).toEqual([
      [0, 0],
      [1, 1],
    ]);
    await pool.run(job("goOffline"));
    await pool.close();
    expect(heap.validate()).toEqual([]);
    expect([heap.cpu().id, heap.cpu().id]).toEqual([0, 1]);
  });
});

describe("a CPU that fails", () => {
  test("by a throw makes the run reject with its number and stack; the pool goes on", async () => {
    const pool = await poolOf([], { cpus: 3 });
    const error = await pool.run(job("throwOn"), { args: { on: 1 } }).catch((thrown) => thrown);
    expect(error.message).toBe("CPU 1, job throwOn: TypeError: this CPU has had enough");
    expect(error).toMatchObject({ name: "JobError", cpu: 1, thrown: "TypeError" });
    expect(error.stack).toMatch(/throwOn \(file:.*pool\.js/);
    expect(await pool.run(job("countOff"))).toHaveLength(3);
  });

  test("by leaving others at a start line is reported by those", async () => {
    const pool = await poolOf([], { cpus: 2 });
    await expect(pool.run(job("leaveEarly"))).rejects.toThrow(/startLine\(\) equally often/);
    expect(await pool.run(job("countOff"))).toHaveLength(2);
  });

  test("by a result that cannot be cloned says so", async () => {
    const pool = await poolOf([], { cpus: 1 });
    await expect(pool.run(job("returnFunction"))).rejects.toThrow(/could not be cloned/);
    await expect(pool.run(job("countOff"), { args: () => 1 })).rejects.toThrow(
      /expected arguments that can be cloned/,
    );
    expect(await pool.run(job("countOff"))).toHaveLength(1);
  });

  test.each([
    ["exit", "with exit code 7"],
    ["uncaught", "with an uncaught RangeError: thrown where nobody listens"],
    ["memory", "with an uncaught Error.*memory limit"],
  ])(
    "by its Worker's end (%s) makes the run reject and the pool refuse more",
    async (how, reason) => {
      const pool = await poolOf([], { cpus: 3, maxOldSpaceMib: 32 });
      const run = pool.run(job("dieOn"), { args: { on: 2, how } });
      await expect(run).rejects.toThrow(
        new RegExp(`^CPU 2, job dieOn: its Worker ended ${reason}`),
      );
      await expect(pool.run(job("countOff"))).rejects.toThrow(
        /pool whose Workers all live, got CPU 2/,
      );
    },
  );

  test("by taking too long makes a run with a limit reject", async () => {
    const pool = await poolOf([], { cpus: 2 });
    await expect(pool.run(job("spinForever"), { on: [1], timeoutMs: 50 })).rejects.toThrow(
      /expected an end within 50 ms, got none from the CPUs at index 0/,
    );
    await expect(pool.run(job("countOff"))).rejects.toThrow(/got CPU 1 in the middle of job spin/);
  });
});

describe("closing", () => {
  test("in the middle of a run lets those come to an end that listen", async () => {
    // However slow the machine is, they come before this grace is over.
    const pool = await poolOf([], { cpus: 2, closeGraceMs: 30 * 60_000 });
    const ends = Promise.all([
      expect(pool.run(job("spinUntilStopped"), { on: [0] })).resolves.toHaveLength(1),
      expect(pool.run(job("throwOn"), { on: [1], args: { on: 0 } })).rejects.toThrow(
        /this CPU has had enough|because the pool was closed/,
      ),
    ]);
    await pool.close();
    await ends;
  });

  test("in the middle of a run ends the Workers that do not listen", async () => {
    const pool = await poolOf([], { cpus: 2 });
    const ends = Promise.all(
      [0, 1].map((worker) =>
        expect(pool.run(job("spinForever"), { on: [worker] })).rejects.toThrow(
          /job spinForever: ended because the pool was closed/,
        ),
      ),
    );
    await pool.close();
    await ends;
    await expect(pool.run(job("countOff"))).rejects.toThrow(/expected an open pool/);
    await pool.close();
  });

  test("follows an AbortSignal", async () => {
    const controller = new AbortController();
    const pool = await poolOf([], { cpus: 1, signal: controller.signal });
    const run = pool.run(job("spinForever"));
    const end = expect(run).rejects.toThrow(/because the pool was closed/);
    controller.abort();
    await end;
  });
});

describe("a process", () => {
  const script = (body: string) => `
    import { createPool } from ${JSON.stringify(POOL)};
    const pool = await createPool([], { cpus: 2 });
    const job = (name) => ({ module: ${JSON.stringify(job("").module)}, name });
    ${body}`;
  const start = (body: string) =>
    spawn(process.execPath, ["--input-type=module", "-e", script(body)], {
      stdio: ["ignore", "pipe", "inherit"],
    });

  test("stays alive while a run goes on and ends by itself with a pool it forgot", async () => {
    const child = start(`
      setTimeout(() => pool.stop(), 300).unref();
      console.log((await pool.run(job("spinUntilStopped"))).length);`);
    const [output] = await once(child.stdout, "data");
    expect(String(output)).toBe("2\n");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("ends at once by Ctrl-C, whatever its Workers do", async () => {
    const child = start(`console.log("running"); await pool.run(job("spinForever"));`);
    await once(child.stdout, "data");
    const ended = once(child, "exit");
    child.kill("SIGINT");
    expect(await ended).toEqual([null, "SIGINT"]);
  });
});
