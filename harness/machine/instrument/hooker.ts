/**
 * Putting a call in front of each access of one function.
 *
 * The hook fires when all operands are evaluated, right before the access: every operand but the
 * last goes through a fresh local, and the last carries the call. What a scheduler has to do
 * itself, because the instruction would block or cannot be undone, is replaced by an import: wait,
 * notify, memory.size and memory.grow.
 */
import type Binaryen from "binaryen";
import { FastPaths, isThisCpuOperation, readCall } from "./fast-path.js";
import type { Site, SiteKind } from "./sites.js";
import { type Expression, InstrumentError, type NodeClass, Walker, classOf } from "./walker.js";

type Api = typeof Binaryen;
type Module = InstanceType<Api["Module"]>;
type Type = number;

/** Names of the functions that a hooked module calls. */
export const HOOK = "machine/hook";
export const SPAN = "machine/span";
export const SWAPPED = "machine/swapped";
export const WAIT = "machine/wait";
export const NOTIFY = "machine/notify";
export const SIZE = "machine/size";
export const GROW = "machine/grow";

export class Hooker {
  readonly #api: Api;
  readonly #module: Module;
  readonly #walker: Walker;
  readonly sites: Site[] = [];
  #function = "";
  #fastPaths = new FastPaths(this.sites);
  #indexInFunction = 0;
  #firstVar = 0;
  #vars: Type[] = [];

  constructor(api: Api, module: Module) {
    this.#api = api;
    this.#module = module;
    this.#walker = new Walker(api);
  }

  /** Hook every access of the function called `name`. */
  hook(name: string): void {
    const of = classOf(this.#api, "Function");
    const ask = (name: string, index = 0) => of[name]?.(from, index) ?? 0;
    const from = this.#module.getFunction(name);
    const [params, results] = [ask("getParams"), ask("getResults")];
    const count = ask("getNumVars");
    this.#vars = Array.from({ length: count }, (_, index) => ask("getVar", index));
    this.#firstVar = ask("getNumLocals") - count;
    this.#function = name;
    this.#indexInFunction = 0;
    this.#fastPaths = new FastPaths(this.sites);
    const body = this.#walker.walk(ask("getBody"), (node, kind, parent) =>
      this.#rewrite(node, kind, parent),
    );
    // There is no way to add locals to a function that exists.
    this.#module.removeFunction(name);
    this.#module.addFunction(name, params, results, this.#vars, body);
  }

  #local(type: Type): number {
    this.#vars.push(type);
    return this.#firstVar + this.#vars.length - 1;
  }

  #site(kind: SiteKind, width: number, isThisCpu = false): number {
    const index = this.#indexInFunction++;
    const name = this.#function;
    const survivesMove = isThisCpuOperation(name);
    this.sites.push({ function: name, kind, width, index, isThisCpu, survivesMove, place: null });
    return this.sites.length - 1;
  }

  #rewrite(node: Expression, kind: string, parent: string): Expression {
    const of = classOf(this.#api, kind);
    const ask = (name: string) => of[name]?.(node) ?? 0;
    switch (kind) {
      case "Load": {
        const isAtomic = Boolean(ask("isAtomic"));
        const what = !isAtomic ? "load" : parent === "Drop" ? "relax" : "atomicLoad";
        const site = this.#site(what, ask("getBytes"));
        this.#hookBefore(node, kind, site, ["Ptr"]);
        this.#fastPaths.loaded(node, site);
        return node;
      }
      case "Store": {
        const site = ask("isAtomic") ? "atomicStore" : "store";
        this.#hookBefore(node, kind, this.#site(site, ask("getBytes")), ["Ptr", "Value"]);
        return node;
      }
      case "AtomicRMW":
        this.#hookBefore(node, kind, this.#site("rmw", ask("getBytes")), ["Ptr", "Value"]);
        return node;
      case "AtomicCmpxchg":
        return this.#hookCmpxchg(node);
      case "AtomicWait":
        return this.#replaceWait(node);
      case "AtomicNotify":
        return this.#replaceNotify(node);
      case "MemoryCopy":
      case "MemoryFill":
        this.#hookRange(node, kind);
        return node;
      case "MemorySize":
        return this.#replace(this.#site("size", 0), this.#module.call(SIZE, [], this.#api.i32));
      case "LocalSet":
        this.#fastPaths.assigned(ask("getIndex"), ask("getValue"));
        return node;
      case "Call":
        this.#fastPaths.called(...readCall(this.#api, node));
        return node;
      case "MemoryGrow": {
        const call = this.#module.call(GROW, [ask("getDelta")], this.#api.i32);
        return this.#replace(this.#site("grow", 0), call);
      }
      case "AtomicFence":
        throw new InstrumentError("it has a fence, which the optimiser may have moved");
      default:
        return node;
    }
  }

  /** Operands through locals, and the hook behind the last. @returns their locals */
  #hookBefore(
    node: Expression,
    kind: string,
    site: number,
    operands: readonly string[],
    notes: (locals: readonly number[]) => Expression[] = () => [],
  ): number[] {
    const { i32 } = this.#api;
    const module = this.#module;
    const of = classOf(this.#api, kind);
    const offset = of.getOffset?.(node) ?? 0;
    const locals: number[] = [];
    for (const [place, operand] of operands.entries()) {
      const value = this.#get(of, operand, node);
      const type = this.#api.getExpressionType(value);
      if (type === this.#api.unreachable) throw new InstrumentError("it has an unreachable access");
      const local = this.#local(type);
      locals.push(local);
      if (place < operands.length - 1) {
        this.#set(of, operand, node, module.local.tee(local, value, type));
        continue;
      }
      const pointer = module.local.get(locals[0] as number, i32);
      const address = offset === 0 ? pointer : module.i32.add(pointer, module.i32.const(offset));
      const last = module.block(
        null,
        [
          module.local.set(local, value),
          ...notes(locals),
          module.call(HOOK, [module.i32.const(site), address], this.#api.none),
          module.local.get(local, type),
        ],
        type,
      );
      this.#set(of, operand, node, last);
    }
    return locals;
  }

  /** A cmpxchg also says afterwards whether it stored: a failed one publishes nothing. */
  #hookCmpxchg(node: Expression): Expression {
    const { i32, none, getExpressionType } = this.#api;
    const module = this.#module;
    const bytes = classOf(this.#api, "AtomicCmpxchg").getBytes?.(node) ?? 0;
    if (bytes < 4) throw new InstrumentError(`it has a cmpxchg of ${bytes} bytes`);
    const of = classOf(this.#api, "AtomicCmpxchg");
    const isThisCpu =
      isThisCpuOperation(this.#function) && this.#readsGlobal(of.getPtr?.(node) ?? 0);
    const site = this.#site("cmpxchg", bytes, isThisCpu);
    const operands = ["Ptr", "Expected", "Replacement"];
    const pointer = isThisCpu ? module.copyExpression(of.getPtr?.(node) ?? 0) : 0;
    const [, expected = 0] = this.#hookBefore(node, "AtomicCmpxchg", site, operands);
    const before = isThisCpu ? this.#reform(node, pointer) : [];
    const type = getExpressionType(node);
    const found = this.#local(type);
    const width = type === i32 ? module.i32 : module.i64;
    const same = width.eq(module.local.get(found, type), module.local.get(expected, type));
    return module.block(
      null,
      [
        ...before,
        module.local.set(found, node),
        module.call(SWAPPED, [same], none),
        module.local.get(found, type),
      ],
      type,
    );
  }

  /** Whether an address is formed from a register of the CPU in the instruction itself. */
  #readsGlobal(pointer: Expression): boolean {
    let reads = false;
    this.#walker.walk(pointer, (node, kind) => {
      reads ||= kind === "GlobalGet";
      return node;
    });
    return reads;
  }

  /** Operands first, and the address once more behind the hook. @returns what comes before */
  #reform(node: Expression, pointer: Expression): Expression[] {
    const module = this.#module;
    const of = classOf(this.#api, "AtomicCmpxchg");
    const before = ["Ptr", "Expected", "Replacement"].map((name) => {
      const operand = this.#get(of, name, node);
      const type = this.#api.getExpressionType(operand);
      const local = this.#local(type);
      if (name !== "Ptr") this.#set(of, name, node, module.local.get(local, type));
      return module.local.set(local, operand);
    });
    of.setPtr?.(node, pointer);
    return before;
  }

  #replaceWait(node: Expression): Expression {
    const { i32, i64, getExpressionType } = this.#api;
    const module = this.#module;
    const expected = classOf(this.#api, "AtomicWait").getExpected?.(node) ?? 0;
    if (getExpressionType(expected) !== i32) throw new InstrumentError("it waits for 64 bits");
    const site = this.#site("wait", 4);
    const locals = this.#hookBefore(node, "AtomicWait", site, ["Ptr", "Expected", "Timeout"]);
    const [pointer = 0, value = 0, timeout = 0] = locals;
    // The types still have the constructor of two halves.
    const zero = (module.i64.const as unknown as (value: bigint) => Expression)(0n);
    const isForEver = module.i64.lt_s(module.local.get(timeout, i64), zero);
    const call = module.call(
      WAIT,
      [this.#addressOf(node, "AtomicWait", pointer), module.local.get(value, i32), isForEver],
      i32,
    );
    return module.block(null, [...this.#operandsOf(node, "AtomicWait"), call], i32);
  }

  #replaceNotify(node: Expression): Expression {
    const { i32 } = this.#api;
    const module = this.#module;
    const site = this.#site("notify", 4);
    const locals = this.#hookBefore(node, "AtomicNotify", site, ["Ptr", "NotifyCount"]);
    const [pointer = 0, count = 0] = locals;
    const address = this.#addressOf(node, "AtomicNotify", pointer);
    const call = module.call(NOTIFY, [address, module.local.get(count, i32)], i32);
    return module.block(null, [...this.#operandsOf(node, "AtomicNotify"), call], i32);
  }

  /** The operands of a node that is replaced, for what evaluating them does. */
  #operandsOf(node: Expression, kind: "AtomicWait" | "AtomicNotify"): Expression[] {
    const names = {
      AtomicWait: ["Ptr", "Expected", "Timeout"],
      AtomicNotify: ["Ptr", "NotifyCount"],
    };
    const of = classOf(this.#api, kind);
    return names[kind].map((name) => this.#module.drop(this.#get(of, name, node)));
  }

  #addressOf(node: Expression, kind: string, local: number): Expression {
    const module = this.#module;
    const offset = classOf(this.#api, kind).getOffset?.(node) ?? 0;
    return module.i32.add(module.local.get(local, this.#api.i32), module.i32.const(offset));
  }

  /** Copy and fill say where and how much before the hook. */
  #hookRange(node: Expression, kind: "MemoryCopy" | "MemoryFill"): void {
    const { i32, none } = this.#api;
    const module = this.#module;
    const isCopy = kind === "MemoryCopy";
    const site = this.#site(isCopy ? "copy" : "fill", 0);
    const operands = ["Dest", isCopy ? "Source" : "Value", "Size"];
    this.#hookBefore(node, kind, site, operands, (locals) => {
      const [dest = 0, source = 0, size = 0] = locals.map((local) => module.local.get(local, i32));
      return [module.call(SPAN, [dest, isCopy ? source : module.i32.const(-1), size], none)];
    });
  }

  #replace(site: number, call: Expression): Expression {
    const module = this.#module;
    const { i32, none } = this.#api;
    const hook = module.call(HOOK, [module.i32.const(site), module.i32.const(0)], none);
    return module.block(null, [hook, call], i32);
  }

  #get(of: NodeClass, name: string, node: Expression): Expression {
    return of[`get${name}`]?.(node) ?? 0;
  }

  #set(of: NodeClass, name: string, node: Expression, to: Expression): void {
    of[`set${name}`]?.(node, to);
  }
}
