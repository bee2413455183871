/**
 * Goal: a module joins a memory only if both mean the same by the same words, and nobody's bytes
 * are taken for the heap's. Method: every build meets a heap of every build; reserves up to 4 GiB.
 */
import { type HeapHandle, type HeapOptions, attachHeap, createHeap } from "slablab";
import { compileBuild } from "slablab/internal/heap/load.js";
import { beforeAll, describe, expect, test } from "vitest";

const KINDS = {
  release: {},
  hardened: { hardened: true },
  stats: { build: "stats" },
  model: { build: "model" },
  debug: { build: "debug" },
  trace: { build: "trace" },
  "hardened debug": { build: "debug", hardened: true },
  slabDebug: { slabDebug: "FZPU" },
} as const satisfies Record<string, HeapOptions>;
type Kind = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Kind[];

/** By the module of which heaps each heap may be joined, beside its own. */
const JOINED_BY: Readonly<Record<Kind, readonly Kind[]>> = {
  // Whose free pointers are plain, the module hardened leaves them plain; the model differs in
  // instructions, trace in what it tells its own CPU.
  release: ["hardened", "model"],
  hardened: [],
  stats: [],
  model: ["release", "hardened"],
  debug: ["trace", "hardened debug", "slabDebug"],
  trace: ["debug", "hardened debug", "slabDebug"],
  "hardened debug": ["debug", "trace", "slabDebug"],
  slabDebug: ["debug", "trace", "hardened debug"],
};

describe("a module and a memory", () => {
  const modules = new Map<Kind, WebAssembly.Module>();

  beforeAll(async () => {
    for (const name of NAMES) {
      modules.set(name, (await createHeap({ cpus: 1, ...KINDS[name] })).handle.module);
    }
  });

  test.each(NAMES)("of the kind %s are joined where they agree and nowhere else", async (name) => {
    const heap = await createHeap({ cpus: 2, seed: 1, ...KINDS[name] });
    const first = heap.cpu();
    first.kfree(first.kmalloc(10));
    const { memory } = heap.handle;
    const joined: Kind[] = [];
    for (const [other, module] of modules) {
      try {
        const cpu = (await attachHeap({ memory, module } as HeapHandle)).cpu();
        for (let i = 0; i < 3; i++) cpu.kfree(cpu.kmalloc(10));
        cpu.offline();
        joined.push(other);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        expect(String(error)).toMatch(/attachHeap: expected .* as the heap was made by, got /);
      }
      expect(heap.validate(), `after ${other}`).toEqual([]);
    }
    expect(joined.sort()).toEqual([name, ...JOINED_BY[name]].sort());
  });

  test("hardened is refused with a module that cannot", async () => {
    const module = await compileBuild("release");
    await expect(createHeap({ module, hardened: true })).rejects.toThrow(
      /options.hardened: expected a module that encodes free pointers/,
    );
    const able = await compileBuild("hardened");
    expect((await createHeap({ module: able, hardened: true })).options.hardened).toBe(true);
  });
});

describe("a reserve", () => {
  const GIB4 = 2 ** 32;

  test.each([GIB4 - 1, GIB4 - 2, GIB4 - 4095, GIB4 - 4096, GIB4 - 4097, GIB4 - 65536])(
    "of %i bytes leaves no room below 4 GiB and is refused",
    async (reserveBytes) => {
      for (const options of [{}, { slabDebug: "F" }]) {
        const made = createHeap({ cpus: 1, maximumBytes: GIB4, reserveBytes, ...options });
        await expect(made).rejects.toThrow(/above \d+ reserved bytes, got 4294967296 bytes/);
      }
    },
  );
});
