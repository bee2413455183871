/**
 * Tiny programs whose numbers of interleavings are known by combinatorics: what the machine itself
 * is tested and timed with. Instrumented at build time like the allocator.
 *
 * Convention of counting: the part of a task before its first access is a step of its own, and
 * every access is one; so a push without retry has 4 steps. A failed push loads the head again.
 */
import { STACK_BYTES } from "./core/fibre.js";
import { type Bounds, DEFAULT_BOUNDS } from "./core/bounds.js";
import { Machine } from "./core/machine.js";
import type { MachineModule } from "./core/module.js";
import { type Task, operation } from "./core/program.js";

/** A list head at 0, a counter at 4, a flag at 8 with what was seen of it at 12; nodes from 64. */
export const SELF_TEST_WAT = `(module
  (import "env" "memory" (memory 1 16 shared))
  (func $push (export "push") (param $node i32)
    (local $first i32)
    (loop $again
      (local.set $first (i32.atomic.load (i32.const 0)))
      (i32.store (local.get $node) (local.get $first))
      (br_if $again
        (i32.ne
          (i32.atomic.rmw.cmpxchg (i32.const 0) (local.get $first) (local.get $node))
          (local.get $first)))))
  (func $increment (export "increment")
    (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1))))
  (func $steps (export "steps") (param $count i32)
    (loop $again
      (i32.atomic.store (i32.const 8) (local.get $count))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $again (i32.ge_s (local.get $count) (i32.const 0)))))
  (func $look (export "look")
    (i32.store (i32.const 12) (i32.add (i32.atomic.load (i32.const 8)) (i32.const 1))))
  (func $lock (export "lock")
    (loop $again
      (if (i32.atomic.rmw.cmpxchg (i32.const 16) (i32.const 0) (i32.const 1))
        (then
          (drop (i32.atomic.load (i32.const 16)))
          (br $again)))))
  (func $unlock (export "unlock")
    (i32.atomic.store (i32.const 16) (i32.const 0)))
  (func $sleep (export "sleep")
    (loop $again
      (if (i32.eqz (i32.atomic.load (i32.const 20)))
        (then
          (drop (memory.atomic.wait32 (i32.const 20) (i32.const 0) (i64.const -1)))
          (br $again)))))
  (func $wake (export "wake")
    (i32.atomic.store (i32.const 20) (i32.const 1))
    (drop (memory.atomic.notify (i32.const 20) (i32.const 1))))
  (func $forgetful (export "forgetful")
    (i32.atomic.store (i32.const 20) (i32.const 1)))
  (func $halves (export "halves")
    (i32.atomic.store (i32.const 24) (i32.const 7)))
  (func $whole (export "whole") (result i32)
    (i32.wrap_i64 (i64.atomic.load (i32.const 24))))
  (func $publish (export "publish")
    (i32.store (i32.const 32) (i32.const 42))
    (i32.atomic.store (i32.const 36) (i32.const 1)))
  (func $receive (export "receive") (result i32)
    (if (i32.eqz (i32.atomic.load (i32.const 36))) (then (return (i32.const 0))))
    (i32.load (i32.const 32)))
  (func $clear (export "clear")
    (memory.fill (i32.const 40) (i32.const 1) (i32.const 8))))`;

/** Exports that its handlers call. */
export const SELF_TEST_HANDLERS = ["push", "increment", "lock", "unlock"];

/** Every access a step, and the start too: the convention above. */
export const COUNTING: Bounds = { ...DEFAULT_BOUNDS, startsAreChoices: true };

/** Accesses of `steps`. */
const LONG_STEPS = 20;

export function selfTestMachine(module: MachineModule, fibres: number): Machine {
  const pages = 1 + Math.ceil((fibres * STACK_BYTES) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 16, shared: true });
  return new Machine(module, memory, { fibres, stacks: 65536 });
}

/** Tasks of calls; pushes get nodes of their own, `steps` its number of accesses. */
export function selfTestTasks(
  programs: readonly (readonly string[])[],
  handler: readonly string[] = [],
): Task[] {
  const make = (call: string, node: number) => {
    if (call === "push") return operation(call, node);
    return call === "steps" ? operation(call, LONG_STEPS - 1) : operation(call);
  };
  return programs.map((calls, fibre) => ({
    cpu: fibre,
    operations: calls.map((call, at) => make(call, 64 + fibre * 64 + at * 4)),
    handler: handler.map((call, at) => make(call, 1024 + fibre * 64 + at * 4)),
  }));
}
