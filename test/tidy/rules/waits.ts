/**
 * The law of memory.atomic.wait: it stands in a function of its own.
 *
 * The baseline compiler of Node 20 (V8 11.3) loses a local of the function across the instruction:
 * what the function does with its locals afterwards, it may do at address 0. A function that has
 * nothing afterwards loses nothing, and its caller's locals outlive a call.
 */
import type { WasmLaw } from "./wasm.js";

const WAIT = /\bmemory\.atomic\.wait(?:32|64)\b/;
/** A parameter or a constant: nothing is computed around the instruction. */
const OPERAND = /^(?:local\.get \S+|i(?:32|64)\.const \S+)$/;

/** The shape that loses its local: an ordinary C mutex, as clang -O2 compiles it. */
export const WAIT_IN_A_LOOP = `
 (func $lock (param $0 i32)
  loop $label
   local.get $0
   i32.const 2
   i32.atomic.rmw.xchg
   if
    local.get $0
    i32.const 2
    i64.const -1
    memory.atomic.wait32
    drop
    br $label
   end
  end
 )`;

/** The same with the wait in a function of its own, which the loop calls. */
export const WAIT_CALLED = `
 (func $wait (param $0 i32) (param $1 i32) (param $2 i64)
  local.get $0
  local.get $1
  local.get $2
  memory.atomic.wait32
  drop
 )
 (func $lock (param $0 i32)
  loop $label
   local.get $0
   i32.const 2
   i32.atomic.rmw.xchg
   if
    local.get $0
    i32.const 2
    i64.const -1
    call $wait
    br $label
   end
  end
 )`;

interface WatFunction {
  readonly name: string;
  /** Its instructions, one each, in the order of the binary. */
  readonly body: readonly string[];
}

/** The functions of a text in the linear form, which asc writes, that wait. */
function waitersIn(wat: string): WatFunction[] {
  return wat
    .split(/\n (?=\()/)
    .filter((part) => part.startsWith("(func ") && WAIT.test(part))
    .map((part) => {
      const lines = part.split("\n").map((line) => line.trim());
      const body = lines.slice(1).filter((line) => line !== "" && !/^(?:\)|;;)/.test(line));
      return { name: /^\(func (\S+)/.exec(part)?.[1] ?? "?", body };
    });
}

/** @returns the names of the functions of a text that wait */
export function waitersOf(wat: string): string[] {
  return waitersIn(wat).map(({ name }) => name);
}

/** Three operands and the wait, whose result is returned or dropped. */
function isAlone({ body }: WatFunction): boolean {
  const [wait = "", last = "drop"] = body.slice(3);
  const operands = body.slice(0, 3);
  return (
    body.length <= 5 &&
    operands.every((line) => OPERAND.test(line)) &&
    WAIT.test(wait) &&
    last === "drop"
  );
}

export const WAIT_LAW: WasmLaw = {
  claim: "waits in functions that do nothing else: Node 20 loses a local across the wait",
  check: ({ wat }) =>
    waitersIn(wat)
      .filter((each) => !isAlone(each))
      .map(({ name }) => `${name} has more than the wait: keep a function of it, not inlined`),
  planted: { wat: WAIT_IN_A_LOOP },
};
