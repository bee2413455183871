/**
 * Goal: the table in docs/debugging.md is true. Method: each row is the bug itself, done through
 * the public calls in the heap the row names, and must be told in the words and at the moment the
 * row says; the document must have exactly these rows.
 */
import { readFileSync } from "node:fs";
import { type Cpu, createHeap, type Heap, type HeapOptions, SlabError } from "slablab";
import { describe, expect, test } from "vitest";

interface Scene {
  readonly heap: Heap;
  readonly cpu: Cpu;
  /** What onReport got. */
  readonly texts: string[];
}

interface Row {
  readonly bug: string;
  /** As the document writes the options. */
  readonly heap: string;
  readonly options: HeapOptions;
  /** When it is told. */
  readonly when: string;
  /** What is told: a piece of the report. */
  readonly told: string;
  readonly run: (scene: Scene) => void;
}

const RELEASE = { heap: "any build", options: {} };
const DEBUG = { heap: '`build: "debug"`', options: { build: "debug" } } as const;
const slabDebug = (letters: string) => ({
  heap: `\`slabDebug: "${letters}"\``,
  options: { slabDebug: letters },
});
const THROWS = "the free throws";
const FREED = "at the free";
const NEXT = "at the next allocation";
const VALIDATED = "`cache.validate()`";

const poke = ({ cpu }: Scene, address: number, count: number) => cpu.bytes(address, count).fill(0);

/** Free an object, then others, and then the first again. */
function freeLater({ cpu }: Scene): void {
  const [first = 0, ...others] = cpu.kmallocBulk(64, 8);
  cpu.kfree(first);
  for (const other of others) cpu.kfree(other);
  cpu.kfree(first);
}

function freeDeferred({ cpu }: Scene): void {
  const objects = [...cpu.kmallocBulk(64, 200)];
  const elsewhere = objects.slice(0, 3);
  for (const object of elsewhere) cpu.kfreeNolock(object);
  cpu.kfree(elsewhere[0] ?? 0);
}

function overflow(scene: Scene, from: number, count: number): void {
  const object = scene.cpu.kmalloc(64);
  poke(scene, object + from, count);
  scene.cpu.kfree(object);
}

function writeFreed(scene: Scene): void {
  const object = scene.cpu.kmalloc(64);
  scene.cpu.kfree(object);
  poke(scene, object + 8, 1);
}

const already = "Object already free";
const ROWS: readonly Row[] = [
  {
    bug: "double free, at once",
    ...RELEASE,
    when: THROWS,
    told: already,
    run: ({ cpu }) => {
      const object = cpu.kmalloc(64);
      cpu.kfree(object);
      cpu.kfree(object);
    },
  },
  { bug: "double free, later", ...DEBUG, when: THROWS, told: already, run: freeLater },
  { bug: "double free, later", ...slabDebug("F"), when: THROWS, told: already, run: freeLater },
  {
    bug: "double free of a deferred object",
    ...DEBUG,
    when: THROWS,
    told: already,
    run: freeDeferred,
  },
  {
    bug: "double free of a deferred object",
    ...slabDebug("F"),
    when: THROWS,
    told: already,
    run: freeDeferred,
  },
  {
    bug: "double free through the raw exports",
    ...slabDebug("F"),
    when: FREED,
    told: already,
    run: ({ cpu }) => {
      const [first = 0, second = 0] = cpu.kmallocBulk(64, 3);
      for (const object of [first, second, first]) cpu.exports.kfree(object);
    },
  },
  {
    bug: "double free through the raw exports, of the slab's last object",
    ...slabDebug("F"),
    when: FREED,
    told: already,
    run: ({ cpu }) => {
      const object = cpu.kmalloc(64);
      for (let time = 0; time < 2; time++) cpu.exports.kfree(object);
    },
  },
  {
    bug: "double free of a large allocation",
    ...DEBUG,
    when: THROWS,
    told: already,
    run: ({ cpu }) => {
      const large = cpu.kmalloc(9000);
      cpu.kfree(large);
      cpu.kfree(large);
    },
  },
  {
    bug: "double free of a large allocation through the raw exports",
    ...DEBUG,
    when: FREED,
    told: already,
    run: ({ cpu }) => {
      const large = cpu.kmalloc(9000);
      for (let time = 0; time < 2; time++) cpu.exports.kfree(large);
    },
  },
  {
    bug: "use after free, write",
    ...slabDebug("FP"),
    when: NEXT,
    told: "Poison overwritten",
    run: (scene) => {
      writeFreed(scene);
      scene.cpu.kmalloc(64);
    },
  },
  {
    bug: "use after free, write",
    ...slabDebug("P"),
    when: VALIDATED,
    told: "Poison overwritten",
    run: (scene) => {
      writeFreed(scene);
      expect(scene.cpu.kmemCacheOpen("kmalloc-64").validate()).toBe(2);
    },
  },
  {
    bug: "use after free of a large allocation, write",
    ...slabDebug("P"),
    when: NEXT,
    told: "Poison overwritten",
    run: (scene) => {
      const large = scene.cpu.kmalloc(9000);
      scene.cpu.kfree(large);
      poke(scene, large + 8000, 1);
      scene.cpu.kmalloc(9000);
    },
  },
  {
    bug: "overflow to the right, 1 byte",
    ...slabDebug("FZ"),
    when: FREED,
    told: "Right Redzone overwritten",
    run: (scene) => overflow(scene, 64, 1),
  },
  {
    bug: "overflow to the right, 8 bytes",
    ...slabDebug("FZ"),
    when: FREED,
    told: "Right Redzone overwritten",
    run: (scene) => overflow(scene, 64, 8),
  },
  {
    bug: "overflow to the left, 1 byte",
    ...slabDebug("FZ"),
    when: FREED,
    told: "Left Redzone overwritten",
    run: (scene) => overflow(scene, -1, 1),
  },
  {
    bug: "overflow to the left, 8 bytes",
    ...slabDebug("FZ"),
    when: FREED,
    told: "Left Redzone overwritten",
    run: (scene) => overflow(scene, -8, 8),
  },
  {
    bug: "overflow within the bucket, 1 byte past the size",
    ...slabDebug("FZU"),
    when: FREED,
    told: "kmalloc Redzone overwritten",
    run: (scene) => {
      const object = scene.cpu.kmalloc(50);
      poke(scene, object + 50, 1);
      scene.cpu.kfree(object);
    },
  },
  {
    bug: "overflow of a large allocation, 1 byte",
    ...slabDebug("FZ"),
    when: FREED,
    told: "Right Redzone overwritten",
    run: (scene) => {
      const large = scene.cpu.kmalloc(16_384);
      poke(scene, large + 16_384, 1);
      scene.cpu.kfree(large);
    },
  },
  {
    bug: "overflow, while the object is in use",
    ...slabDebug("Z"),
    when: VALIDATED,
    told: "Right Redzone overwritten",
    run: (scene) => {
      poke(scene, scene.cpu.kmalloc(64) + 64, 1);
      expect(scene.cpu.kmemCacheOpen("kmalloc-64").validate()).toBe(2);
    },
  },
  {
    bug: "free of an address inside an object",
    ...RELEASE,
    when: THROWS,
    told: "Invalid object pointer",
    run: ({ cpu }) => cpu.kfree(cpu.kmalloc(64) + 8),
  },
  {
    bug: "free to another cache",
    ...RELEASE,
    when: THROWS,
    told: "Wrong slab cache",
    run: ({ cpu }) => cpu.kmemCacheCreate({ name: "mine", size: 64 }).free(cpu.kmalloc(64)),
  },
  {
    bug: "free of a wild address",
    ...RELEASE,
    when: THROWS,
    told: "Invalid object pointer",
    run: ({ cpu }) => cpu.kfree(12),
  },
  {
    bug: "leak",
    ...DEBUG,
    when: "`cache.destroy()`",
    told: "Objects remaining on __kmem_cache_shutdown()",
    run: ({ cpu }) => {
      const cache = cpu.kmemCacheCreate({ name: "leaks", size: 64 });
      const object = cache.alloc();
      const kept = { remaining: 1, objects: [object], sheaves: 0 };
      expect(cache.destroy()).toEqual({ released: false, ...kept });
    },
  },
];

async function makeScene(options: HeapOptions): Promise<Scene> {
  const texts: string[] = [];
  const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, ...options });
  return { heap, texts, cpu: heap.cpu(0, { onReport: (text) => texts.push(text) }) };
}

describe.each(ROWS)("$bug with $heap", ({ options, when, told, run }) => {
  test(`is told: ${when}`, async () => {
    const scene = await makeScene(options);
    let thrown: unknown = null;
    try {
      run(scene);
    } catch (error) {
      thrown = error;
    }
    if (when === THROWS) {
      expect(thrown).toBeInstanceOf(SlabError);
      expect((thrown as SlabError).report).toContain(told);
      expect(scene.texts).toEqual([]);
    } else {
      expect(thrown).toBeNull();
      expect(scene.texts[0]).toContain(told);
      expect(scene.heap.slabErrors).toBe(scene.texts.length);
    }
    expect(scene.heap.validate()).toEqual([]);
  });
});

test("a read after free meets the poison: 0x6b6b6b6b, and 0xa5 at the end", async () => {
  const { cpu } = await makeScene({ slabDebug: "P" });
  const object = cpu.kmalloc(64);
  cpu.view(object, Uint32Array, 16).fill(1);
  cpu.kfree(object);
  expect([...cpu.view(object, Uint32Array, 15)]).toEqual(Array(15).fill(0x6b6b6b6b));
  expect([...cpu.bytes(object + 60, 4)]).toEqual([0x6b, 0x6b, 0x6b, 0xa5]);
});

test("the report of a refused free of a debug cache says who freed it before", async () => {
  const { cpu } = await makeScene({ slabDebug: "FZPU" });
  const object = cpu.kmalloc(64);
  cpu.kfree(object);
  try {
    cpu.kfree(object);
  } catch (error) {
    const { report } = error as SlabError;
    expect(report).toMatch(/^BUG kmalloc-64 \(Not tainted\): Object already free\n-{77}\n/);
    expect(report).toMatch(/^INFO: Allocated in kmalloc age=\d+ cpu=0 pid=1$/m);
    expect(report).toMatch(/^INFO: Freed in kfree age=\d+ cpu=0 pid=1$/m);
    return;
  }
  expect.unreachable("the second free throws");
});

test("docs/debugging.md has exactly these rows", () => {
  const text = readFileSync(new URL("../../docs/debugging.md", import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => /^\| [a-z].*\|.*\|.*\|.*\|$/.test(line));
  const read = '| use after free, read | `slabDebug: "P"` | - | the bytes read are 0x6b |';
  const expected = ROWS.map((row) => `| ${row.bug} | ${row.heap} | ${row.when} | ${row.told} |`);
  expect(rows.filter((row) => !row.startsWith("| bug |") && row !== read)).toEqual(expected);
  expect(rows).toContain(read);
});
