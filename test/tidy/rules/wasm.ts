/**
 * Laws of every emitted module, and how to read a module.
 *
 * Names come from the text that asc writes beside the binary (it still has all of them); which
 * sections the binary has comes from the binary itself.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "./rule.js";

/** All that a module may import. A new host function is added here on purpose. */
export const ALLOWED_IMPORTS: readonly string[] = [
  "env.memory",
  "host.call_ctor",
  "host.call_trace",
  "host.call_lockdep",
  "host.slab_report",
];
/** What the target of the loads alone imports beside the memory: workload/loads/peer.ts. */
export const LOADS_IMPORTS: readonly string[] = ["env.memory", "peer.malloc", "peer.free"];
/** The CPU registers of sync/percpu.ts: the only state that an instance has to itself. */
export const CPU_REGISTERS: readonly string[] = ["this_cpu", "heap_base", "mem_map"];
/** What the builds have beside them whose heaps can have sheaves. */
export const SHEAF_REGISTER = "page_class";
/** The budgets of the modules that programs load, in bytes. */
export const BYTES_MAX: Readonly<Record<string, number>> = { release: 28_000, sheaf: 40_000 };

export interface WasmModule {
  /** The target's name in asconfig.json. */
  readonly name: string;
  readonly wat: string;
  readonly binary: Uint8Array;
}

export interface WasmLaw {
  readonly claim: string;
  /** What breaks the law, one sentence each. */
  readonly check: (module: WasmModule) => string[];
  /** A module that breaks it. */
  readonly planted: Partial<WasmModule>;
  /** Targets that it is not for. */
  readonly excepted?: readonly string[];
}

/** AssemblyScript's own allocator, told where its root lies by who instantiates it. */
const RUNTIME_TARGETS = ["tlsf"];

const SECTION_START = 8;
const SECTION_DATA = 11;
const HEADER_BYTES = 8;

export const WASM_LAWS: readonly WasmLaw[] = [
  {
    claim: "has no data segment: every instance would write it again over live memory",
    check: ({ wat, binary }) => [
      ...linesWith(wat, /^ \(data /).map((line) => `data segment ${line.trim()}`),
      ...(sectionsOf(binary).includes(SECTION_DATA) ? ["a data section in the binary"] : []),
    ],
    planted: { wat: ' (data $0 (i32.const 1024) "hello")' },
  },
  {
    claim: "has no start function: it would run once per CPU",
    check: ({ wat, binary }) => [
      ...linesWith(wat, /^ \(start /).map((line) => `start function ${line.trim()}`),
      ...(sectionsOf(binary).includes(SECTION_START) ? ["a start section in the binary"] : []),
    ],
    planted: { binary: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, SECTION_START, 1, 0) },
  },
  {
    claim: "contains nothing of the AssemblyScript runtime, whose state is per instance",
    check: ({ wat }) => [...new Set(wat.match(/\$~lib\/rt\/[^\s)]*/g) ?? [])],
    planted: { wat: " (func $~lib/rt/stub/__alloc (param $0 i32)" },
    excepted: RUNTIME_TARGETS,
  },
  {
    claim: "imports one shared memory and no function beyond those of base/host.ts, or a heap",
    check: ({ name: target, wat }) => {
      const imports = importsOf(wat);
      const allowed = target === "loads" ? LOADS_IMPORTS : ALLOWED_IMPORTS;
      const extra = imports.filter((name) => !allowed.includes(name));
      const isShared = /^ \(import "env" "memory" \(memory \S+ \d+ \d+ shared\)\)$/m.test(wat);
      return [
        ...extra.map((name) => `import ${name}: add it to the list if it is meant`),
        ...(isShared ? [] : ["memory that is not imported, or not shared"]),
      ];
    },
    planted: { wat: ' (import "env" "abort" (func $abort (param i32 i32 i32 i32)))' },
  },
  {
    claim: "keeps no state of its own but the CPU registers",
    check: ({ wat }) =>
      mutableGlobalsOf(wat)
        .filter(
          (name) =>
            ![...CPU_REGISTERS, SHEAF_REGISTER].some(
              (known) => name === `assembly/sync/percpu/${known}`,
            ),
        )
        .map((name) => `mutable global ${name}: shared state lives at layout addresses`),
    planted: { wat: " (global $assembly/slab/free/last (mut i32) (i32.const 0))" },
    excepted: RUNTIME_TARGETS,
  },
];

/** Reads every module that the build left behind. */
export function readModules(): WasmModule[] {
  const folder = join(ROOT, "build");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".wasm"))
    .map((file) => ({
      name: basename(file, ".wasm"),
      wat: readFileSync(join(folder, file.replace(/\.wasm$/, ".wat")), "utf8"),
      binary: readFileSync(join(folder, file)),
    }));
}

/** Names of mutable globals, as `assembly/FOLDER/FILE/NAME`. */
export function mutableGlobalsOf(wat: string): string[] {
  return [...wat.matchAll(/^ \(global \$(\S+) \(mut /gm)].map(([, name]) => name as string);
}

/** Imports as `MODULE.NAME`. */
export function importsOf(wat: string): string[] {
  return [...wat.matchAll(/^ \(import "([^"]*)" "([^"]*)"/gm)].map(
    ([, from, name]) => `${from}.${name}`,
  );
}

/** Numbers of the sections that a binary has, in order. */
export function sectionsOf(binary: Uint8Array): number[] {
  const sections: number[] = [];
  for (let offset = HEADER_BYTES; offset < binary.length; ) {
    sections.push(binary[offset] as number);
    const size = readLeb(binary, offset + 1);
    offset = size.next + size.value;
  }
  return sections;
}

/** Reads an unsigned LEB128 number of at most five bytes. */
function readLeb(binary: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = binary[start + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: start + index + 1 };
  }
  throw new RangeError(`expected a LEB128 number at byte ${start}, got more than five bytes`);
}

function linesWith(wat: string, pattern: RegExp): string[] {
  return wat.split("\n").filter((line) => pattern.test(line));
}
