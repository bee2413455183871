/**
 * The memory control group of a fuzz: every CPU charges the same one, whose limit is met.
 */
import type { FuzzCpu } from "./reentry-cpu.js";
import { putName } from "./reentry-caches.js";
import type { Stage } from "./reentry-stage.js";

const NAME = "fuzz";
/** Pages that each CPU may charge on average: less than its objects take at their most. */
const LIMIT_PAGES = 16;

/** Make the group. Context: the first CPU, a task, before the load. */
export function createGroup(stage: Stage, cpu: FuzzCpu, cpus: number): void {
  const made = cpu.exports.memcg_create(putName(stage, cpu, NAME), LIMIT_PAGES * cpus) >>> 0;
  if (made === 0) throw new Error("expected a new heap to have room for a memory control group");
}

/** Charge it from now on, as every CPU does. */
export function joinGroup(stage: Stage, cpu: FuzzCpu): void {
  const { address, generation } = groupOf(stage);
  if (!cpu.exports.memcg_set(address, generation)) {
    throw new Error("expected the group that was just made, got none");
  }
}

/** Nothing is charged any more: leave and remove it. Context: the last CPU, everything freed. */
export function removeGroup(stage: Stage, cpu: FuzzCpu): void {
  const { address, generation, usage_pages, nr_charged_bytes } = groupOf(stage);
  const idle = nr_charged_bytes + stage.view.stockBytesOf(address);
  const charged = usage_pages * 4096 - idle;
  if (charged !== 0) {
    cpu.report("charges", `expected 0 bytes charged after everything was freed, got ${charged}`);
  }
  cpu.exports.memcg_set(0, 0);
  if (!cpu.exports.memcg_destroy(address as never, generation)) {
    cpu.report("charges", "expected an unused group to go, got a refusal");
  }
}

function groupOf({ view }: Stage) {
  view.refresh();
  const found = [...view.memcgs()].find(({ state, name }) => state === 1 && name === NAME);
  if (found === undefined) throw new Error("expected the group of the fuzz, got none");
  return found;
}
