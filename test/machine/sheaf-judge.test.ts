/**
 * Goal: the judge of sheaves reports what it is for. Method: as field-judges.test.ts: accesses of a
 * CPU that is broken in one way; those of one that is not are in every scenario with sheaves.
 */
import { barnOf } from "slablab/internal/heap/sheaves.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { type Stage, makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { beforeEach, expect, test } from "vitest";
import { Broken } from "./support/broken.js";

let broken: Broken;
let of: Stage["view"]["table"]["offsets"];
let area: number;
let zone: number;
const token = () => broken.at(area + of.cpu_area.current);
const first = (all: readonly number[]) => all[0] ?? 0;
const second = (all: readonly number[]) => all[1] ?? 0;

const SHEAVES = "model/16000/irq-work/sheaf2/barn2/cpus2/setup:c0c1c2c3c4c5c6c7x0x1x2x3x4x5";
let cpu: number[];
let barn: number;
let sheaf: Stage["view"]["table"]["offsets"]["sheaf"];

beforeEach(async () => {
  const stage = await makeStage(parseScenario(`${SHEAVES}/task:x6/task:c9`));
  const { view } = stage;
  stage.machine.found = null;
  broken = new Broken(stage);
  const cache = [...view.caches()].find(({ name }) => name === "own");
  if (cache === undefined) throw new Error("expected the cache own, got none");
  cpu = [0, 1].map((id) => view.cpuCache(id, cache.index).address);
  barn = barnOf(view, cache, 0).address;
  sheaf = view.table.offsets.sheaf;
  area = view.cpu(0).address;
  zone = view.zone(0).address;
  of = view.table.offsets;
});

const sheafLock = () => first(cpu) + of.kmem_cache_cpu.sheaf_lock;
const main = () => broken.at(first(cpu) + of.kmem_cache_cpu.main);
function inSection(inside: () => void): void {
  broken.store(sheafLock(), token());
  inside();
  broken.store(sheafLock(), 0);
  broken.end();
}
function underBarnLock(inside: () => void): void {
  broken.swap(barn + of.node_barn.lock, 1);
  inside();
  broken.store(barn + of.node_barn.lock, 0, { kind: "rmw" });
  broken.end();
}

test("a section that changes nothing: nothing to report", () => {
  inSection(() => {});
  underBarnLock(() => {});
  expect(broken.found).toBe("");
});

test("written by another CPU", () => {
  broken.store(second(cpu) + of.kmem_cache_cpu.sheaf_in_hand, 0);
  expect(broken.found).toMatch(/sheaf: writes what cpu 1 has in sheaves/);
});

test("changed outside the section", () => {
  broken.store(first(cpu) + of.kmem_cache_cpu.spare, 0);
  expect(broken.found).toMatch(/sheaf: changes a CPU's sheaves outside the section/);
});

test("a top that is beside main when the section ends", () => {
  inSection(() => broken.store(first(cpu) + of.kmem_cache_cpu.top, main()));
  expect(broken.found).toMatch(/sheaf: top 0x[0-9a-f]+ does not lie in main/);
});

test("what lies below main is forgotten", () => {
  inSection(() => broken.store(main() + sheaf.link, 0));
  expect(broken.found).toMatch(/sheaf: main says 1 sheaves lie below it, it is 0/);
});

test("a sheaf with objects among the spare ones, or in two places", () => {
  const below = broken.at(main() + sheaf.link);
  inSection(() => broken.store(first(cpu) + of.kmem_cache_cpu.spare, below));
  expect(broken.found).toMatch(/sheaf: the sheaf 0x[0-9a-f]+, a spare one, is met twice/);
});

test("a sheaf that is in the hand, too", () => {
  inSection(() => broken.store(first(cpu) + of.kmem_cache_cpu.sheaf_in_hand, main()));
  expect(broken.found).toMatch(/sheaf: main 0x[0-9a-f]+ is in the hand, too/);
});

test("a barn's list without its lock", () => {
  broken.store(barn + of.node_barn.nr_full, 3);
  expect(broken.found).toMatch(/sheaf: changes a barn's lists without its lock/);
});

test("a barn's count that is wrong when its lock is released", () => {
  underBarnLock(() => broken.store(barn + of.node_barn.nr_full, 3));
  expect(broken.found).toMatch(/sheaf: a barn's list of a full one has 1, it says 3/);
});

test("a full sheaf that is not", () => {
  const full = broken.at(barn + of.node_barn.full);
  underBarnLock(() => broken.store(full + sheaf.size, 1));
  expect(broken.found).toMatch(/sheaf: the sheaf 0x[0-9a-f]+, a full one, has 1 of 2/);
});

test("a lock inside a barn's", () => {
  underBarnLock(() => broken.swap(zone + of.zone.lock, 1));
  expect(broken.found).toMatch(/lock: takes a zone's lock inside a barn's lock/);
});
