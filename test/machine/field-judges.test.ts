/**
 * Goal: every judge of fields reports what it is for. Method: a heap as the machine has it, and
 * accesses of a CPU that is broken in one way, told to the judges as the machine would; the same
 * accesses of a CPU that is not broken are in every scenario.
 */
import { PG_PCP } from "slablab/internal/heap/constants.js";
import { operation } from "slablab/internal/machine/core/program.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { type Stage, makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { beforeEach, describe, expect, test } from "vitest";
import { Broken } from "./support/broken.js";

/** Two objects a slab: own cpu slab, a percpu partial slab, full ones; a node's list with one. */
const TEXT = "model/16000/irq-work/min2/cpus2/setup:c0c1c2c3c4c5c6c7x0x2/task:x1/task:x3";
const KMALLOC_NOLOCK = { ...operation("kmem_cache_alloc_nolock"), nolock: true } as const;

let broken: Broken;
/** Addresses: what CPU 0 and 1 hold of the scenario's cache, its node, areas, its first slab. */
let own: { cpu: number[]; node: number; area: number[]; zone: number; full: number };
let of: Stage["view"]["table"]["offsets"];

beforeEach(async () => {
  const stage = await makeStage(parseScenario(TEXT));
  const { view } = stage;
  stage.machine.found = null;
  broken = new Broken(stage);
  of = view.table.offsets;
  const cache = [...view.caches()].find(({ name }) => name === "own");
  if (cache === undefined) throw new Error("expected the cache own, got none");
  const cpus = [0, 1];
  const slabs = [...view.slabs(cache.address)];
  const full = slabs.find(({ inuse, objects, frozen }) => inuse === objects && !frozen);
  own = {
    cpu: cpus.map((cpu) => view.cpuCache(cpu, cache.index).address),
    area: cpus.map((cpu) => view.cpu(cpu).address),
    node: view.node(cache.index, 0).address,
    zone: view.zone(0).address,
    full: full?.address ?? 0,
  };
});

const lockOf = (c: number) => c + of.kmem_cache_cpu.lock;
const token = () => broken.at((own.area[0] ?? 0) + of.cpu_area.current);
const first = (all: readonly number[]) => all[0] ?? 0;
const second = (all: readonly number[]) => all[1] ?? 0;

describe("locks", () => {
  test("taken and released in order: nothing to report", () => {
    broken.swap(own.node + of.kmem_cache_node.list_lock, 1);
    broken.store(lockOf(first(own.cpu)), token());
    broken.store(lockOf(first(own.cpu)), 0);
    broken.store(own.node + of.kmem_cache_node.list_lock, 0, { kind: "rmw" });
    broken.end();
    expect(broken.found).toBe("");
  });

  test("list_lock inside a local lock", () => {
    broken.store(lockOf(first(own.cpu)), token());
    broken.swap(own.node + of.kmem_cache_node.list_lock, 1);
    expect(broken.found).toMatch(/lock: takes list_lock inside a local lock/);
  });

  test("held at the end of a call", () => {
    broken.swap(own.zone + of.zone.lock, 1);
    broken.end();
    expect(broken.found).toMatch(/lock: kmem_cache_free\(\) ends with a zone's lock held/);
  });

  test("released by somebody else", () => {
    broken.swap(own.zone + of.zone.lock, 1);
    broken.store(own.zone + of.zone.lock, 0, { by: 1, kind: "rmw" });
    broken.load(0, { by: 1 });
    expect(broken.found).toMatch(/lock: releases a zone's lock, which it does not hold/);
  });

  test("released by an NMI on its owner", () => {
    broken.swap(own.zone + of.zone.lock, 1);
    broken.nmi(() => broken.store(own.zone + of.zone.lock, 0, { kind: "rmw" }));
    expect(broken.found).toMatch(/lock: releases a zone's lock of what it interrupted/);
  });

  test("taken although it is held", () => {
    broken.swap(own.zone + of.zone.lock, 1);
    broken.swap(own.zone + of.zone.lock, 2, 1);
    expect(broken.found).toMatch(/lock: takes a zone's lock from 1, who holds it/);
  });

  test("another's token", () => {
    broken.swap(own.zone + of.zone.lock, 2);
    expect(broken.found).toMatch(/lock: puts 2 into a zone's lock, expected 1/);
  });

  test("the local lock of another CPU", () => {
    broken.store(lockOf(second(own.cpu)), token());
    broken.end();
    expect(broken.found).toMatch(/lock: takes a local lock of another CPU/);
  });

  test("an NMI waits for what it interrupted", () => {
    broken.swap(own.zone + of.zone.lock, 1);
    broken.nmi(() => broken.load(own.zone + of.zone.lock, { kind: "relax" }));
    expect(broken.found).toMatch(/lock: spins on a zone's lock, which it holds itself/);
  });

  test("a context that is not left", () => {
    const count = first(own.area) + of.cpu_area.preempt_count;
    broken.store(count, 1);
    broken.end();
    expect(broken.found).toMatch(/lock: kmem_cache_free\(\) ends in the context 0x1/);
  });

  test("an NMI that leaves another context", () => {
    broken.nmi(() => broken.store(first(own.area) + of.cpu_area.preempt_count, 0x100000));
    expect(broken.found).toMatch(/lock: an NMI makes of the context 0x0 0x100000/);
  });
});

describe("what a CPU holds", () => {
  test("written by another CPU", () => {
    broken.store64(second(own.cpu), 0, 257, "cmpxchg");
    expect(broken.found).toMatch(/percpu: writes what cpu 1 holds/);
  });

  test("changed outside the section", () => {
    broken.store(first(own.cpu) + of.kmem_cache_cpu.slab, 0);
    expect(broken.found).toMatch(/percpu: changes what a CPU holds, outside the section/);
  });

  test("changed by an NMI in the section of what it interrupted", () => {
    broken.store(lockOf(first(own.cpu)), token());
    broken.nmi(() => broken.store(first(own.cpu) + of.kmem_cache_cpu.slab, 0));
    expect(broken.found).toMatch(/percpu: changes what a CPU holds, outside the section/);
  });

  test("a list without a new tid, or with another CPU's", () => {
    const c = first(own.cpu);
    broken.store(lockOf(c), token());
    broken.store64(c, 0, broken.at(c + 4), "store");
    broken.end();
    expect(broken.found).toMatch(/percpu: changes a cpu freelist without a new tid/);
  });

  test("a tid of another CPU", () => {
    const c = first(own.cpu);
    broken.store(lockOf(c), token());
    broken.store64(c, 0, broken.at(c + 4) + 257, "store");
    broken.end();
    expect(broken.found).toMatch(/percpu: makes the tid of cpu 0/);
  });

  test("a list without a slab", () => {
    const c = first(own.cpu);
    broken.store(lockOf(c), token());
    broken.store(c + of.kmem_cache_cpu.slab, 0);
    broken.store64(
      c,
      broken.at(own.full + of.page.freelist) + 4096,
      broken.at(c + 4) + 256,
      "store",
    );
    broken.store(lockOf(c), 0);
    broken.end();
    expect(broken.found).toMatch(/percpu: the cpu freelist begins at .*: there is no cpu slab/);
  });

  test("a full slab on the partial list", () => {
    const c = first(own.cpu);
    broken.store(lockOf(c), token());
    broken.stage.machine.words[(own.full + of.page.slabs) >>> 2] = 1;
    broken.store(c + of.kmem_cache_cpu.partial, own.full);
    broken.store(lockOf(c), 0);
    broken.end();
    expect(broken.found).toMatch(/percpu: the slab .* is on a percpu partial list/);
  });
});

describe("a CPU's own words", () => {
  const counter = () => {
    const { view } = broken.stage;
    const cache = [...view.caches()].find(({ name }) => name === "own");
    return cache?.stat_base ?? 0;
  };

  test("the context of another CPU", () => {
    broken.store(second(own.area) + of.cpu_area.preempt_count, 1);
    expect(broken.found).toMatch(/own: writes the context of cpu 1/);
  });

  test("a counter of another CPU, or one that goes back", () => {
    const { constants } = broken.stage.view.table;
    broken.store64(counter() + constants.STAT_STRIDE, 9, 0, "store");
    expect(broken.found).toMatch(/own: writes a counter of cpu 1/);
    broken.stage.machine.found = null;
    broken.store64(counter(), 9, 0, "store");
    broken.store64(counter(), 8, 0, "store");
    broken.end();
    expect(broken.found).toMatch(/own: a counter goes from 9 to 8/);
  });
});

describe("the slab word", () => {
  const high = () => broken.at(own.full + of.page.counters);

  test("touched by halves, or plainly", () => {
    broken.load(own.full, { kind: "atomicLoad" });
    expect(broken.found).toMatch(/slab: touches a slab word by 32 bits/);
    broken.stage.machine.found = null;
    broken.load(own.full, { width: 8 });
    expect(broken.found).toMatch(/slab: touches a slab word plainly/);
  });

  test("discarded in use", () => {
    broken.store64(own.full, 0, 0);
    broken.end();
    expect(broken.found).toMatch(/slab: .* is discarded with objects in use/);
  });

  test("counted down without a free object", () => {
    broken.store64(own.full, 0, high() - 1);
    broken.end();
    expect(broken.found).toMatch(/slab: .* lists 0 of 1 free objects/);
  });

  test("a live object on the list", () => {
    const { view, ownership } = broken.stage;
    const page = view.page(view.pfnOf(own.full));
    const live = [...ownership.live.keys()].find((object) => object >= page.start);
    broken.store64(own.full, live ?? 0, high() - 1);
    broken.end();
    expect(broken.found).toMatch(/slab: .* lists a live object/);
  });

  test("taken by a CPU that does not have it in hand", () => {
    const { view } = broken.stage;
    const pages = [...view.slabs(broken.at(own.full + of.page.slab_cache))];
    const partial = pages.find(({ inuse, objects, frozen }) => inuse < objects && !frozen);
    if (partial === undefined) throw new Error("expected a partial slab, got none");
    broken.fibre(0).cpu = 1;
    broken.store64(partial.address, 0, (partial.objects * 0x1_0001 + 0x8000_0000) | 0);
    broken.end();
    expect(broken.found).toMatch(/slab: .* is taken from without being in hand/);
  });

  test("frozen by nothing", () => {
    broken.store64(own.full, 0, high() | 0x8000_0000);
    broken.end();
    expect(broken.found).toMatch(/slab: .* changes without a free object more or less/);
  });
});

describe("a node's list", () => {
  test("changed without its lock", () => {
    broken.store(own.node + of.kmem_cache_node.nr_partial, 5);
    expect(broken.found).toMatch(/list: changes a node's partial list without its list_lock/);
  });

  test("a count that is not its length", () => {
    const lock = own.node + of.kmem_cache_node.list_lock;
    broken.swap(lock, 1);
    const count = own.node + of.kmem_cache_node.nr_partial;
    broken.store(count, broken.at(count) + 1, { kind: "atomicStore" });
    broken.store(lock, 0, { kind: "rmw" });
    broken.end();
    expect(broken.found).toMatch(/list: \d slabs on a partial list, nr_partial is \d/);
  });

  test("a full slab on it", () => {
    const lock = own.node + of.kmem_cache_node.list_lock;
    broken.swap(lock, 1);
    broken.store(own.node + of.kmem_cache_node.partial, own.full);
    broken.store(lock, 0, { kind: "rmw" });
    broken.end();
    expect(broken.found).toMatch(/list: page \d+ on a node's partial list/);
  });
});

describe("deferral", () => {
  /** The link of an object that is nobody's. */
  function free(): number {
    const { view, ownership } = broken.stage;
    const [object = 0] = ownership.live.keys();
    const cache = [...view.caches()].find(({ name }) => name === "own");
    ownership.takes(broken.fibre(0), 0, object, operation("kmem_cache_free"));
    return object + (cache?.offset ?? 0);
  }
  const list = (cpu: number) => (own.area[cpu] ?? 0) + of.cpu_area.defer_objects;
  const pending = (cpu: number) => (own.area[cpu] ?? 0) + of.cpu_area.irq_pending;

  function add(node: number, cpu = 0): void {
    broken.stage.machine.words[node >>> 2] = broken.at(list(cpu));
    broken.swap(list(cpu), node);
  }

  test("added, raised, taken: nothing to report", () => {
    add(free());
    broken.store(pending(0), 1, { kind: "atomicStore" });
    broken.end();
    broken.store(list(0), 0, { kind: "rmw" });
    broken.end();
    expect(broken.found).toBe("");
  });

  test("added twice", () => {
    const node = free();
    add(node);
    add(node);
    expect(broken.found).toMatch(/defer: adds .* to a list, and it is on one/);
  });

  test("an object that is somebody's", () => {
    const [object = 0] = broken.stage.ownership.live.keys();
    const cache = [...broken.stage.view.caches()].find(({ name }) => name === "own");
    add(object + (cache?.offset ?? 0));
    expect(broken.found).toMatch(/defer: defers .*, which is somebody's/);
  });

  test("what is no object", () => {
    add(free() + 4);
    expect(broken.found).toMatch(/defer: defers .*, which is no object's free pointer/);
  });

  test("a link that does not lead to the old head", () => {
    const node = free();
    broken.stage.machine.words[node >>> 2] = 64;
    broken.swap(list(0), node);
    expect(broken.found).toMatch(/defer: adds .*, which does not lead to the old head/);
  });

  test("no work raised by who found the list empty", () => {
    add(free());
    broken.end();
    expect(broken.found).toMatch(/defer: found a CPU's list empty, and raised no work/);
  });

  test("work raised for nothing", () => {
    broken.store(pending(0), 1, { kind: "atomicStore" });
    broken.end();
    expect(broken.found).toMatch(/defer: raises work on cpu 0, whose list it did not find empty/);
  });

  test("work raised on one CPU for the list of another", () => {
    add(free(), 1);
    broken.store(pending(0), 1, { kind: "atomicStore" });
    broken.end();
    expect(broken.found).toMatch(/defer: raises work on cpu 0/);
  });

  test("work that is forgotten", () => {
    add(free());
    broken.store(pending(0), 1, { kind: "atomicStore" });
    broken.store(pending(0), 0, { kind: "rmw" });
    broken.end();
    expect(broken.found).toMatch(/defer: something waits for cpu 0, and no work is raised/);
  });

  test("taken by another CPU", () => {
    add(free());
    broken.store(list(0), 0, { by: 1, kind: "rmw" });
    broken.load(0, { by: 1 });
    expect(broken.found).toMatch(/defer: drains what waits for cpu 0/);
  });

  test("taken in an NMI", () => {
    add(free());
    broken.nmi(() => {
      broken.store(first(own.area) + of.cpu_area.preempt_count, 0x1000);
      broken.store(list(0), 0, { kind: "rmw" });
    });
    expect(broken.found).toMatch(/defer: drains in an NMI/);
  });

  test("taken with a lock held", () => {
    add(free());
    broken.swap(own.zone + of.zone.lock, 1);
    broken.store(list(0), 0, { kind: "rmw" });
    broken.load(0);
    expect(broken.found).toMatch(/defer: drains with a lock held/);
  });

  test("a node that was never added", () => {
    const node = free();
    broken.stage.machine.words[list(0) >>> 2] = node;
    broken.stage.machine.words[node >>> 2] = 0;
    broken.store(list(0), 0, { kind: "rmw" });
    broken.load(0);
    expect(broken.found).toMatch(/defer: takes a list that leads to .*, never added/);
  });
});

describe("pages", () => {
  test("what is free is written to", () => {
    const { view } = broken.stage;
    const page = view.page(view.pfnOf(own.full));
    broken.store(page.address + of.page.kind, PG_PCP, { kind: "atomicStore" });
    broken.store(page.start + 4096, 1);
    expect(broken.found).toMatch(/page: writes to .*, in a page that is free/);
  });

  test("outside the heap", () => {
    broken.store(4128, 1);
    expect(broken.found).toMatch(/page: writes to 0x1020, outside the heap/);
  });
});

describe("NULL of a nolock allocation", () => {
  test("for no reason", () => {
    broken.end(0, { ...KMALLOC_NOLOCK, role: "alloc" }, 0);
    expect(broken.found).toMatch(/refusal: kmem_cache_alloc_nolock\(\) returns NULL for no reason/);
  });

  test("with a lock that somebody holds", () => {
    broken.swap(own.zone + of.zone.lock, 2, 1);
    broken.load(own.zone + of.zone.lock, { kind: "atomicLoad" });
    broken.end(0, { ...KMALLOC_NOLOCK, role: "alloc" }, 0);
    expect(broken.found).not.toMatch(/refusal/);
  });
});
