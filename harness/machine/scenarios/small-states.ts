/**
 * Every state that allocations and frees on one CPU can put a tiny heap into, each with the
 * shortest setup that leads there.
 *
 * Found by breadth-first search over a model of where slabs can be: the CPU's, on its partial list,
 * on the node's, full and on no list, or given back. The model is of nothing but that, and needs no
 * build: so the list, and with it the numbering of all programs that begin with it, is the same
 * everywhere. A test holds it against the states that the compiled allocator reaches.
 *
 * Two slabs, or two objects of a slab, that nothing tells apart are one.
 */

/** Which heap: its words in a scenario, and what they mean. */
export interface TinyHeap {
  readonly bytes: number;
  /** Objects of a slab. */
  readonly objects: number;
  /** Slabs at most. */
  readonly slabs: number;
  /** Percpu partial slabs. */
  readonly cpuPartial: 0 | 1;
  /** `c`: a cache of its own, `k`: a bucket of kmalloc. */
  readonly kind: "c" | "k";
}

/** A slab with objects that are in use. */
export interface SmallSlab {
  /** Alike for two slabs exactly if nothing tells them apart. */
  readonly place: string;
  /** Slots with its live objects, ascending. */
  readonly live: readonly number[];
}

export interface SmallState {
  /** The program of its setup. */
  readonly setup: string;
  /** In the order in which they were made. */
  readonly slabs: readonly SmallSlab[];
  /** The first slot that the setup does not name. */
  readonly nextSlot: number;
  /** What the model knows of it, as text: equal for equal states. */
  readonly signature: string;
}

interface Slab {
  readonly id: number;
  free: number;
  live: number[];
}

/** The model: lists of slabs by id, newest first on the CPU's list, oldest first on the node's. */
interface Model {
  setup: string;
  nextSlot: number;
  nextId: number;
  slabs: Slab[];
  cpu: number;
  partial: number[];
  node: number[];
}

const NONE = -1;

/** All states, nearest first. */
export function smallStates(heap: TinyHeap): SmallState[] {
  const empty = { nextSlot: 0, nextId: 0, slabs: [], cpu: NONE, partial: [], node: [] };
  const queue: Model[] = [{ setup: "", ...empty }];
  const seen = new Set<string>();
  const states: SmallState[] = [];
  for (let model = queue.shift(); model !== undefined; model = queue.shift()) {
    const signature = signatureOf(model);
    if (seen.has(signature)) continue;
    seen.add(signature);
    states.push(stateOf(model, signature));
    const grown = allocate(clone(model), heap);
    if (grown.slabs.length <= heap.slabs) queue.push(grown);
    for (const { id, live } of model.slabs) {
      if (live.length > 0) queue.push(release(clone(model), id, heap));
    }
  }
  return states;
}

function clone(model: Model): Model {
  const slabs = model.slabs.map((slab) => ({ ...slab, live: [...slab.live] }));
  return { ...model, slabs, partial: [...model.partial], node: [...model.node] };
}

function find(model: Model, id: number): Slab {
  const slab = model.slabs.find((each) => each.id === id);
  if (slab === undefined) throw new RangeError(`expected a slab ${id}, got none`);
  return slab;
}

function allocate(model: Model, { objects, kind }: TinyHeap): Model {
  if (model.cpu === NONE || find(model, model.cpu).free === 0) {
    model.cpu = model.partial.shift() ?? model.node.shift() ?? newSlab(model, objects);
  }
  const slab = find(model, model.cpu);
  const slot = model.nextSlot++;
  slab.free--;
  slab.live.push(slot);
  model.setup += `${kind}${slot}`;
  return model;
}

function newSlab(model: Model, objects: number): number {
  const id = model.nextId++;
  model.slabs.push({ id, free: objects, live: [] });
  return id;
}

/** Free an object of a slab: its oldest. */
function release(model: Model, id: number, { objects, cpuPartial, kind }: TinyHeap): Model {
  const slab = find(model, id);
  const wasFull = slab.free === 0;
  model.setup += `${kind === "c" ? "x" : "f"}${slab.live.shift()}`;
  slab.free++;
  if (id === model.cpu) return model;
  if (wasFull) {
    if (cpuPartial === 0) model.node.push(id);
    else {
      // No room on the CPU's list: what is there goes to the node, or back if it is empty.
      for (const old of model.partial.splice(0)) toNode(model, old, objects);
      model.partial = [id];
    }
  } else if (model.node.includes(id)) {
    model.node = model.node.filter((each) => each !== id);
    toNode(model, id, objects);
  }
  return model;
}

function toNode(model: Model, id: number, objects: number): void {
  if (find(model, id).free < objects) model.node.push(id);
  else model.slabs = model.slabs.filter((slab) => slab.id !== id);
}

function placeOf(model: Model, { id, free }: Slab): string {
  if (id === model.cpu) return `cpu:${free}`;
  const at = model.partial.indexOf(id);
  if (at >= 0) return `partial${at}:${free}`;
  const behind = model.node.indexOf(id);
  return behind >= 0 ? `node${behind}:${free}` : "full";
}

function signatureOf(model: Model): string {
  return model.slabs
    .map((slab) => placeOf(model, slab))
    .sort()
    .join(" ");
}

function stateOf(model: Model, signature: string): SmallState {
  const { setup, nextSlot } = model;
  const slabs = model.slabs
    .filter(({ live }) => live.length > 0)
    .map((slab) => ({ place: placeOf(model, slab), live: slab.live }));
  return { setup, slabs, nextSlot, signature };
}
