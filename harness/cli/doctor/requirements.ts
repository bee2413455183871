/**
 * What Slablab cannot do without, looked at one by one: what is missing is named, with what took
 * it away. Needs none of it to load, so that it answers where everything else fails.
 */
import { readFileSync } from "node:fs";

/** What was looked at: `fails` makes the exit status 3, `warns` only costs something. */
export interface Checkup {
  readonly name: string;
  readonly verdict: "ok" | "warns" | "fails";
  readonly found: string;
  /** What to do; empty when the verdict is ok. */
  readonly advice: string;
}

/** Without these nothing runs. */
export function requirements(): Checkup[] {
  const hasWasm = typeof WebAssembly === "object";
  const hasShared = typeof SharedArrayBuffer === "function";
  return [
    required("SharedArrayBuffer", hasShared, whoTook(/shared|sab/i)),
    required("WebAssembly", hasWasm, whoTook(/jitless|wasm/i)),
    hasWasm && hasShared ? sharedMemory() : untried("shared wasm memory"),
    hasWasm
      ? required("wasm atomics", WebAssembly.validate(ATOMIC_MODULE), whoTook(/wasm|atomics/i))
      : untried("wasm atomics"),
    required("Atomics.waitAsync", canWaitAsync(), whoTook(/atomics|wait/i)),
  ];
}

function required(name: string, isThere: boolean, advice: string): Checkup {
  return isThere
    ? { name, verdict: "ok", found: "yes", advice: "" }
    : { name, verdict: "fails", found: "no", advice };
}

function untried(name: string): Checkup {
  return { name, verdict: "fails", found: "not tried", advice: "needs what is missing above" };
}

/** Every runtime that is new enough has it, so that something in this process took it. */
function whoTook(culprits: RegExp): string {
  const options = (process.env["NODE_OPTIONS"] ?? "").split(" ");
  const flags = [...process.execArgv, ...options].filter((flag) => flag.startsWith("--"));
  const named = flags.filter((flag) => culprits.test(flag));
  if (named.length > 0) return `the runtime was started with ${named.join(" ")}: leave it out`;
  return "the runtime has it, and something took it away: look at its flags, and at what they load";
}

function canWaitAsync(): boolean {
  return typeof Atomics === "object" && typeof Atomics.waitAsync === "function";
}

/** As a heap has that was given no options. */
const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = 4096;

function sharedMemory(): Checkup {
  const name = "shared wasm memory";
  try {
    const parts = { initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true };
    const memory = new WebAssembly.Memory(parts);
    const isShared = memory.grow(1) === INITIAL_PAGES && memory.buffer instanceof SharedArrayBuffer;
    return required(name, isShared, whoTook(/wasm/i));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // No RangeError: it is no lack of memory, and the message says what.
    const advice = error instanceof RangeError ? roomAdvice() : whoTook(/wasm/i);
    return { name, verdict: "fails", found: `no: ${message}`, advice };
  }
}

function roomAdvice(): string {
  const limitBytes = addressSpaceLimit();
  const needs = "each shared memory takes some 10 GiB of addresses (not of memory)";
  if (limitBytes === null) return `${needs}: look at the limits of this process and its container`;
  const gib = (limitBytes / 2 ** 30).toPrecision(2);
  return `${needs}, and this process may have ${gib} GiB: ulimit -v unlimited`;
}

/** Bytes of addresses that this process may have; null: no limit, or nobody says so. */
function addressSpaceLimit(): number | null {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max address space +(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** A module with a shared memory and one function that is `i32.atomic.load` of address 0. */
const ATOMIC_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x05, 0x04, 0x01, 0x03, 0x01, 0x01],
  ...[0x0a, 0x0a, 0x01, 0x08, 0x00, 0x41, 0x00, 0xfe, 0x10, 0x02, 0x00, 0x0b],
);
