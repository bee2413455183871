/**
 * Small programs with known numbers of interleavings, instrumented by the same code as the
 * allocator: what the machine itself is tested with.
 */
import binaryen from "binaryen";
import { Machine } from "slablab/internal/machine/core/machine.js";
import { type MachineModule, makeMachineModule } from "slablab/internal/machine/core/module.js";
import { instrument } from "slablab/internal/machine/instrument/instrument.js";
import { STACK_BYTES } from "slablab/internal/machine/core/fibre.js";

/** A list head at 0; nodes at 64 and up, a word each. */
export const PUSH = `
  (func $push (export "push") (param $node i32)
    (local $first i32)
    (loop $again
      (local.set $first (i32.atomic.load (i32.const 0)))
      (i32.store (local.get $node) (local.get $first))
      (br_if $again
        (i32.ne
          (i32.atomic.rmw.cmpxchg (i32.const 0) (local.get $first) (local.get $node))
          (local.get $first)))))`;

/** A counter at 0, incremented by a load and a store. */
export const INCREMENT = `
  (func $increment (export "increment")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))`;

export function moduleText(functions: string): string {
  return `(module (import "env" "memory" (memory 1 1 shared)) ${functions})`;
}

/** The optimised binary of a text module, as asc would emit it. */
export function assemble(functions: string): Uint8Array {
  const module = binaryen.parseText(moduleText(functions));
  module.setFeatures(binaryen.Features.All);
  module.optimize();
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

export async function machineModule(
  functions: string,
  handlerCalls: readonly string[] = [],
): Promise<MachineModule> {
  const { wasm, table } = await instrument(assemble(functions), { handlerCalls });
  return makeMachineModule(Uint8Array.from(wasm), table);
}

export function makeMachine(module: MachineModule, fibres: number): Machine {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const stacks = memory.buffer.byteLength - fibres * STACK_BYTES;
  return new Machine(module, memory, { fibres, stacks });
}
