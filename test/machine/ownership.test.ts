/**
 * Goal: an object that was given to kfree_rcu() is not seen as free before its readers have left,
 * and what a call refused is still its caller's. Method: the judge alone, told what happens.
 */
import type { Fibre } from "slablab/internal/machine/core/fibre.js";
import type { Machine } from "slablab/internal/machine/core/machine.js";
import { type Operation, operation } from "slablab/internal/machine/core/program.js";
import { Ownership } from "slablab/internal/machine/judges/ownership.js";
import { describe, expect, test } from "vitest";

const OBJECT = 4096;
const BYTES = 64;
const ALLOC: Operation = { ...operation("kmalloc"), role: "alloc", bytes: BYTES };
const FREE_RCU: Operation = { ...operation("kfree_rcu"), role: "free", waits: true };
const FREE: Operation = { ...operation("kfree"), role: "free" };

function judge() {
  const found: string[] = [];
  const machine = {
    words: new Int32Array(4096),
    report: (kind: string) => found.push(kind),
  } as unknown as Machine;
  const ownership = new Ownership(machine);
  ownership.ownAtStart(OBJECT, BYTES);
  ownership.begin();
  const fibre = (id: number) => ({ id, depth: 0 }) as Fibre;
  return { ownership, found, fibre };
}

function end({ ownership, fibre }: ReturnType<typeof judge>, id: number, call: string): void {
  ownership.endOperation(fibre(id), operation(call), 0);
}

describe("an object that waits for readers", () => {
  test("is in use as long as one of them is in its section", () => {
    const all = judge();
    end(all, 1, "rcu_read_lock");
    end(all, 1, "rcu_read_lock");
    all.ownership.takes(all.fibre(0), 0, OBJECT, FREE_RCU);
    end(all, 1, "rcu_read_unlock");
    all.ownership.endOperation(all.fibre(0), ALLOC, OBJECT);
    expect(all.found).toEqual(["double-use"]);
  });

  test("is free once the last has left, or if there was none", () => {
    const all = judge();
    end(all, 1, "rcu_read_lock");
    all.ownership.takes(all.fibre(0), 0, OBJECT, FREE_RCU);
    end(all, 1, "rcu_read_unlock");
    all.ownership.endOperation(all.fibre(0), ALLOC, OBJECT);
    expect(all.found).toEqual([]);
  });

  test("does not wait for who enters after it was given away", () => {
    const all = judge();
    all.ownership.takes(all.fibre(0), 0, OBJECT, FREE_RCU);
    end(all, 1, "rcu_read_lock");
    all.ownership.endOperation(all.fibre(0), ALLOC, OBJECT);
    expect(all.found).toEqual([]);
  });
});

test("what a call refused is its caller's again", () => {
  const { ownership, found, fibre } = judge();
  ownership.takes(fibre(0), 0, OBJECT, FREE);
  expect([...ownership.live]).toEqual([]);
  ownership.returns(fibre(0), 0, OBJECT);
  expect([...ownership.live]).toEqual([[OBJECT, BYTES]]);
  ownership.endOperation(fibre(0), ALLOC, OBJECT);
  expect(found).toEqual(["double-use"]);
});
