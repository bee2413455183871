/**
 * The gate over every emitted module, build/*.wasm.
 *
 * Goal: many instances can share one memory. Method: test/tidy/rules/wasm.ts holds the laws; each
 * is checked on every module, and on a planted text that it must refuse.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./rules/rule.js";
import {
  ALLOWED_IMPORTS,
  CPU_REGISTERS,
  SHEAF_REGISTER,
  mutableGlobalsOf,
  BYTES_MAX,
  readModules,
  sectionsOf,
  WASM_LAWS,
} from "./rules/wasm.js";
import { WAIT_CALLED, WAIT_IN_A_LOOP, WAIT_LAW, waitersOf } from "./rules/waits.js";

const EMPTY = { name: "planted", wat: "", binary: new Uint8Array(8) };
const modules = readModules();
const release = modules.find(({ name }) => name === "release");
const source = (path: string) => readFileSync(join(ROOT, path), "utf8");

test("every target of asconfig.json that runs has been built", () => {
  const { targets } = JSON.parse(source("asconfig.json")) as { targets: object };
  // `types` is compiled for its declarations only.
  const running = Object.keys(targets).filter((name) => name !== "types");
  expect(modules.map(({ name }) => name).sort()).toEqual(running.sort());
});

test("model.wasm keeps the this_cpu instruction out of line, the others do not", () => {
  const isCalled = (name: string) =>
    modules
      .find((module) => module.name === name)
      ?.wat.includes("call $assembly/sync/percpu/this_cpu_cmpxchg_double");
  expect(isCalled("model")).toBe(true);
  expect(isCalled("release")).toBe(false);
});

/** What a function calls, each as often as it stands there. */
function callsOf(name: string): string[] {
  const { wat = "" } = modules.find((module) => module.name === "bench-sheaf") ?? {};
  const start = wat.indexOf(`\n (func $${name} `);
  expect(start, name).toBeGreaterThan(0);
  const body = wat.slice(start, wat.indexOf("\n )", start));
  return [...body.matchAll(/ call \$\S*?\/(\w+)\s/g)].map(([, called = ""]) => called).sort();
}

test.each(["pair", "batch", "churn", "larson"])(
  "a loop linked with sheaves, %s, has their fast paths in it and calls the slow ones alone",
  (loop) => {
    const of = (way: string) => callsOf(`assembly/workload/sheaf_loops/${way}_${loop}`);
    expect(of("sheaf")).toEqual(["kfree_slow", "kmalloc_slow"]);
    // By hand there is as much to call: one function stands for all that are the same.
    const alike = [/free$/, /malloc$/].map((name) => expect.stringMatching(name));
    expect(of("hand")).toEqual(alike);
    expect(of("bare")).toEqual([]);
  },
);

test("so has a load that is linked with them", () => {
  expect(callsOf("assembly/workload/loads/larson/larson_phase")).toContain("kfree_slow");
  expect(callsOf("assembly/workload/loads/larson/allocate")).toEqual(["kmalloc_slow"]);
});

test("a second instance on the same memory disturbs nothing that the first wrote", () => {
  const module = new WebAssembly.Module(release?.binary.slice() ?? EMPTY.binary);
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 128, shared: true });
  const imports = {
    env: { memory },
    host: {
      call_ctor: () => 0,
      call_trace: () => {},
      call_lockdep: () => {},
      slab_report: () => {},
    },
  };
  const first = new WebAssembly.Instance(module, imports).exports as Record<
    string,
    CallableFunction
  >;
  const base = first["heap_init"]?.(0, 2048, 2, 1, 32, 2, 41, 0, 1);
  first["cpu_attach"]?.(base, 0, 2);
  const held = first["kmalloc"]?.(64, 0) as number;
  const before = new Uint8Array(memory.buffer).slice();
  expect(before.some((byte) => byte !== 0)).toBe(true);
  new WebAssembly.Instance(module, imports);
  const after = new Uint8Array(memory.buffer).slice();
  expect(Buffer.compare(before, after)).toBe(0);
  expect(first["kmalloc"]?.(64, 0)).not.toBe(held);
});

test("a wait that is called is accepted, one in the middle of its lock is not", () => {
  expect(WAIT_LAW.check({ ...EMPTY, wat: WAIT_CALLED })).toEqual([]);
  expect(WAIT_LAW.check({ ...EMPTY, wat: WAIT_IN_A_LOOP }).join()).toContain("$lock has more");
});

test("whoever sleeps in a module that runs calls the one function that waits", () => {
  for (const { name, wat } of modules.filter(({ name }) => !["loads", "tlsf"].includes(name))) {
    expect(waitersOf(wat), name).toEqual(["$assembly/sync/atomic/wait_on"]);
  }
});

test("the modules that the machine runs have no wait left: it is the machine's", async () => {
  const { default: binaryen } = await import("binaryen");
  const folder = join(ROOT, "dist", "wasm", "machine");
  const files = readdirSync(folder).filter((file) => file.endsWith(".wasm"));
  expect(files.length).toBeGreaterThan(1);
  for (const file of files) {
    const module = binaryen.readBinary(readFileSync(join(folder, file)));
    expect(module.emitText(), file).not.toContain("memory.atomic.wait");
    module.dispose();
  }
});

for (const { claim, check, planted, excepted = [] } of [...WASM_LAWS, WAIT_LAW]) {
  for (const module of modules.filter(({ name }) => !excepted.includes(name))) {
    test(`${module.name}.wasm ${claim}`, () => {
      expect(check(module).join("\n")).toBe("");
    });
  }

  test(`a planted module is refused by: ${claim}`, () => {
    expect(check({ ...EMPTY, ...planted })).not.toEqual([]);
  });
}

test.each(Object.entries(BYTES_MAX))("%s.wasm stays within %d bytes", (name, most) => {
  const module = modules.find((each) => each.name === name);
  expect(module?.binary.length).toBeGreaterThan(0);
  expect(module?.binary.length).toBeLessThanOrEqual(most);
});

test("release.wasm has exactly the CPU registers as mutable globals", () => {
  const names = mutableGlobalsOf(release?.wat ?? "").map((name) => name.split("/").at(-1));
  expect(names.sort()).toEqual([...CPU_REGISTERS].sort());
});

test("the CPU registers are the variables that sync/percpu.ts declares", () => {
  const declared = [...source("assembly/sync/percpu.ts").matchAll(/^export let (\w+)/gm)];
  const all = [...CPU_REGISTERS, SHEAF_REGISTER];
  expect(declared.map(([, name]) => name).sort()).toEqual(all.sort());
});

test("the allowed imports are the memory and what base/host.ts declares", () => {
  const declared = [
    ...source("assembly/base/host.ts").matchAll(/^export declare function (\w+)/gm),
  ];
  const names = declared.map(([, name]) => `host.${name}`);
  expect(["env.memory", ...names].sort()).toEqual([...ALLOWED_IMPORTS].sort());
});

test("the section reader finds the code section of release.wasm", () => {
  expect(sectionsOf(release?.binary ?? EMPTY.binary)).toContain(10);
});
