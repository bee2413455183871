/** What users have in their hands: objects go from slots into calls, and from calls into slots. */
import type { Fibre } from "./fibre.js";
import type { Operation } from "./program.js";
import type { UndoLog } from "./undo.js";
import type { Watcher } from "./watcher.js";

/** The part of the machine that this needs. */
interface Table {
  readonly words: Int32Array;
  readonly slots: Int32Array;
  readonly undo: UndoLog;
  readonly watchers: readonly Watcher[];
}

/** Takes what is to be freed out of its slot; an operation that finds none is skipped. */
export function beginOperation(table: Table, fibre: Fibre): void {
  const { frame } = fibre;
  for (; frame.at < frame.operations.length; frame.at++) {
    const operation = frame.operations[frame.at] as Operation;
    frame.steps = 0;
    if (operation.role !== "free" && operation.role !== "realloc") return;
    if (operation.count > 1 ? takeMany(table, fibre, operation) : takeOne(table, fibre, operation))
      return;
  }
}

/** @returns false if there was nothing in the slot */
function takeOne({ slots, watchers }: Table, fibre: Fibre, operation: Operation): boolean {
  const slot = slotOf(operation);
  const object = slots[slot] as number;
  fibre.frame.object = object;
  if (object === 0) return false;
  slots[slot] = 0;
  for (const watcher of watchers) watcher.takes(fibre, slot, object >>> 0, operation);
  return true;
}

/** For a bulk free: what is in its slots goes into its array. @returns false if they are empty */
function takeMany(table: Table, fibre: Fibre, operation: Operation): boolean {
  const { slots, words, undo, watchers } = table;
  let taken = 0;
  for (let at = 0; at < operation.count; at++) {
    const [slot, word] = [operation.into + at, (operation.array >>> 2) + at];
    const object = slots[slot] as number;
    slots[slot] = 0;
    undo.log(word);
    words[word] = object;
    if (object === 0) continue;
    taken++;
    for (const watcher of watchers) watcher.takes(fibre, slot, object >>> 0, operation);
  }
  return taken > 0;
}

/** Puts the result into its slot, and what was refused back. */
export function endOperation(table: Table, fibre: Fibre, result: number): void {
  const { slots, words, watchers } = table;
  const { frame } = fibre;
  const operation = frame.operations[frame.at] as Operation;
  const { refusal, into, count, array, role } = operation;
  const put: number[] = [];
  if (refusal !== null && (result === 0) === (refusal === "zero")) {
    const slot = slotOf(operation);
    slots[slot] = frame.object;
    for (const watcher of watchers) watcher.returns(fibre, slot, frame.object >>> 0);
  } else if (count > 1) {
    for (let at = 0; at < count && role === "alloc" && result !== 0; at++) {
      slots[into + at] = words[(array >>> 2) + at] as number;
      put.push(into + at);
    }
  } else if (into >= 0) {
    slots[into] = result;
    put.push(into);
  }
  for (const watcher of watchers) watcher.endOperation(fibre, operation, result, frame.steps);
  // Only then: what the user wrote into the object comes before it is handed on.
  for (const slot of put) for (const watcher of watchers) watcher.puts(fibre, slot);
  frame.at++;
}

/** The slot that a free takes its object from. */
function slotOf({ args, object }: Operation): number {
  const slot = args[object];
  if (typeof slot !== "object") throw new TypeError("expected a free of what is in a slot");
  return slot.slot;
}
