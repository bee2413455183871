/**
 * Rewriting an expression tree from the leaves up: Binaryen's JS interface has no visitor.
 *
 * Children are listed in the order in which they are evaluated. What is not listed here is refused:
 * an access below it would go unseen.
 */
import type Binaryen from "binaryen";

type Api = typeof Binaryen;
/** An expression of a module; 0 is none. */
export type Expression = number;

/** The getters and setters of one kind of node; Binaryen's types leave these classes out. */
export type NodeClass = Readonly<Record<string, (...all: number[]) => number>>;

export function classOf(api: Api, kind: string): NodeClass {
  return (api as unknown as Record<string, NodeClass>)[kind] as NodeClass;
}

/** Thrown for what cannot be instrumented. */
export class InstrumentError extends Error {}

interface Child {
  readonly get: (node: Expression) => Expression;
  readonly set: (node: Expression, child: Expression) => void;
}

interface Kind {
  readonly name: string;
  readonly children: (node: Expression) => readonly Child[];
}

/** Called with each node once its children are done. @returns what takes its place */
export type Rewrite = (node: Expression, kind: string, parent: string) => Expression;

export class Walker {
  readonly #api: Api;
  readonly #kinds: ReadonlyMap<number, Kind>;

  constructor(api: Api) {
    this.#api = api;
    this.#kinds = makeKinds(api);
  }

  /** Rewrite `node` and all below it. @throws InstrumentError on a kind that is not known */
  walk(node: Expression, rewrite: Rewrite, parent = ""): Expression {
    const id = this.#api.getExpressionId(node);
    const kind = this.#kinds.get(id);
    if (kind === undefined) throw new InstrumentError(`it uses an instruction of kind ${id}`);
    for (const child of kind.children(node)) {
      const before = child.get(node);
      if (before === 0) continue;
      const after = this.walk(before, rewrite, kind.name);
      if (after !== before) child.set(node, after);
    }
    return rewrite(node, kind.name, parent);
  }
}

/** Properties that hold one operand each, in order of evaluation. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  Nop: [],
  If: ["Condition", "IfTrue", "IfFalse"],
  Loop: ["Body"],
  Break: ["Value", "Condition"],
  Switch: ["Value", "Condition"],
  LocalGet: [],
  LocalSet: ["Value"],
  GlobalGet: [],
  GlobalSet: ["Value"],
  Load: ["Ptr"],
  Store: ["Ptr", "Value"],
  Const: [],
  Unary: ["Value"],
  Binary: ["Left", "Right"],
  Select: ["IfTrue", "IfFalse", "Condition"],
  Drop: ["Value"],
  Return: ["Value"],
  MemorySize: [],
  MemoryGrow: ["Delta"],
  Unreachable: [],
  AtomicRMW: ["Ptr", "Value"],
  AtomicCmpxchg: ["Ptr", "Expected", "Replacement"],
  AtomicWait: ["Ptr", "Expected", "Timeout"],
  AtomicNotify: ["Ptr", "NotifyCount"],
  AtomicFence: [],
  MemoryCopy: ["Dest", "Source", "Size"],
  MemoryFill: ["Dest", "Value", "Size"],
};

/** Kinds with any number of operands: the words in the names of their accessors. */
const LISTS: Readonly<Record<string, { readonly many: string; readonly one: string }>> = {
  Block: { many: "Children", one: "Child" },
  Call: { many: "Operands", one: "Operand" },
  CallIndirect: { many: "Operands", one: "Operand" },
};

function makeKinds(api: Api): Map<number, Kind> {
  const kinds = new Map<number, Kind>();
  const idOf = (name: string) => (api as unknown as Record<string, number>)[`${name}Id`] as number;
  for (const [name, operands] of Object.entries(OPERANDS)) {
    const children = operands.map((operand) => childOf(classOf(api, name), operand));
    kinds.set(idOf(name), { name, children: () => children });
  }
  for (const [name, { many, one }] of Object.entries(LISTS)) {
    const of = classOf(api, name);
    const target = name === "CallIndirect" ? [childOf(of, "Target")] : [];
    const children = (node: Expression) => [
      ...Array.from({ length: of[`getNum${many}`]?.(node) ?? 0 }, (_, index) => ({
        get: (from: Expression) => of[`get${one}At`]?.(from, index) ?? 0,
        set: (to: Expression, child: Expression) => {
          of[`set${one}At`]?.(to, index, child);
        },
      })),
      ...target,
    ];
    kinds.set(idOf(name), { name, children });
  }
  return kinds;
}

function childOf(of: NodeClass, operand: string): Child {
  return {
    get: (node) => of[`get${operand}`]?.(node) ?? 0,
    set: (node, child) => {
      of[`set${operand}`]?.(node, child);
    },
  };
}
