/**
 * Goal: the fast paths are a CPU's own: a local allocation and a local free write nothing that
 * another CPU's fast path reads or writes, in a bounded number of accesses. Method: every access of
 * one call, on a heap of two CPUs whose freelist has what the call needs.
 */
import type { Fibre } from "slablab/internal/machine/core/fibre.js";
import type { Operation } from "slablab/internal/machine/core/program.js";
import { Watcher } from "slablab/internal/machine/core/watcher.js";
import { SITE_KINDS, isWrite } from "slablab/internal/machine/instrument/sites.js";
import { explore, DEFAULT_EXPLORE } from "slablab/internal/machine/explore.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { expect, test } from "vitest";

const LINE = 64;
/** Loads, stores and the cmpxchg of one call. */
const MOST = 12;

interface Call {
  readonly name: string;
  readonly accesses: number;
  readonly written: readonly number[];
}

class Calls extends Watcher {
  readonly calls: Call[] = [];
  #accesses = 0;
  #written: number[] = [];

  override access(_: Fibre, _site: number, kind: number, _width: number, address: number): void {
    this.#accesses++;
    if (isWrite(SITE_KINDS[kind] ?? "load")) this.#written.push(address);
  }

  override endOperation(_: Fibre, { call }: Operation): void {
    this.calls.push({ name: call, accesses: this.#accesses, written: this.#written });
    this.#accesses = 0;
    this.#written = [];
  }
}

test.each([
  ["kmalloc, kfree", "model/64/irq-work/cpus2/setup:k0k1f1/task:k2f2"],
  ["kmalloc_nolock, kfree_nolock", "model/64/irq-work/cpus2/setup:k0k1f1/task:K2F2"],
  ["kmem_cache_alloc, kmem_cache_free", "model/64/irq-work/cpus2/setup:c0c1x1/task:c2x2"],
])("%s write what is this CPU's, and the object", async (_name, text) => {
  const stage = await makeStage(parseScenario(text));
  const { machine, view } = stage;
  const watcher = new Calls();
  machine.watchers = [...machine.watchers, watcher];
  const { finding } = await explore(stage, { ...DEFAULT_EXPLORE, bound: 0, schedules: 1 });
  expect(finding).toBeNull();
  const { cpu_areas, cpu_area_size, first_pfn } = view.header();
  const isOwn = (address: number) => address >= cpu_areas && address < cpu_areas + cpu_area_size;
  const isObject = (address: number) => address >= first_pfn * 4096;
  expect(watcher.calls.length).toBeGreaterThan(1);
  for (const { name, accesses, written } of watcher.calls) {
    expect({ name, accesses: Math.max(accesses, MOST) }).toEqual({ name, accesses: MOST });
    expect(written.filter((address) => !isOwn(address) && !isObject(address))).toEqual([]);
    const lines = new Set(written.map((address) => Math.floor(address / LINE)));
    expect(lines.size).toBeLessThanOrEqual(2);
  }
});
