/**
 * Which accesses a task survives a move before: read from the emitted code of a function, as it is
 * walked in the order of evaluation.
 *
 * A fast path loads the `freelist|tid` word of the CPU it is on, computes what it should become and
 * hands both to this_cpu_cmpxchg_double(), which works on the CPU that the task is on by then. The
 * word of another CPU has another tid: the cmpxchg refuses it, and the fast path begins anew; so
 * whatever lies between that load and that call, and inside the call, may be on either CPU. What
 * comes before (the test of the context) and after (counters, the slow path) has no such proof.
 */
import type { Site } from "./sites.js";
import type Binaryen from "binaryen";
import { type Expression, classOf } from "./walker.js";

/** Functions that are one instruction on the CPU's own memory; the model build keeps them whole. */
const THIS_CPU = /\/this_cpu_cmpxchg_double$/;
/** The word that a CPU has is `expected`, the last operand but one. */
const EXPECTED_FROM_END = 2;
const WORD_BYTES = 8;

export function isThisCpuOperation(name: string): boolean {
  return THIS_CPU.test(name);
}

/** What the walk of one function has seen. */
export class FastPaths {
  readonly #sites: Site[];
  /** By expression: the site of a plain load of a whole word. */
  readonly #loads = new Map<Expression, number>();
  /** By local: the site of the load that it holds. */
  readonly #held = new Map<number, number>();

  /** @param sites of the module so far; those on a fast path are marked */
  constructor(sites: Site[]) {
    this.#sites = sites;
  }

  loaded(node: Expression, site: number): void {
    const { kind, width } = this.#sites[site] as Site;
    if (kind === "load" && width === WORD_BYTES) this.#loads.set(node, site);
  }

  assigned(local: number, value: Expression): void {
    const site = this.#loads.get(value);
    if (site === undefined) this.#held.delete(local);
    else this.#held.set(local, site);
  }

  /** @param operands of a call: locals that they get as they are, else -1 */
  called(target: string, operands: readonly number[]): void {
    if (!isThisCpuOperation(target)) return;
    const first = this.#held.get(operands.at(-EXPECTED_FROM_END) ?? -1);
    if (first === undefined) return;
    for (let site = first; site < this.#sites.length; site++) {
      this.#sites[site] = { ...(this.#sites[site] as Site), survivesMove: true };
    }
  }
}

/** @returns the target of a call; and of each operand the local that it is, -1 if it is none. */
export function readCall(api: typeof Binaryen, call: Expression): [string, number[]] {
  const { target = "" } = api.getExpressionInfo(call) as { readonly target?: string };
  const { getNumOperands, getOperandAt } = classOf(api, "Call");
  const locals = Array.from({ length: getNumOperands?.(call) ?? 0 }, (_, at) => {
    const operand = getOperandAt?.(call, at) ?? 0;
    const isLocal = api.getExpressionId(operand) === api.LocalGetId;
    return isLocal ? (classOf(api, "LocalGet").getIndex?.(operand) ?? -1) : -1;
  });
  return [target, locals];
}
