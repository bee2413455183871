/**
 * The scenarios that `slablab explore --all` runs: each is a line of text (scenario.ts) and how far
 * it is explored.
 *
 * Heaps are tiny, so that every slow path is two or three operations away: objects of 16000 bytes
 * lie two in a slab, a node keeps no empty slab, and a CPU at most one partial slab.
 */
import { DEATH_SCENARIOS } from "./named/deaths.js";
import { type NamedScenario, PAIR } from "./named/budgets.js";
import { CACHES } from "./named/cache-lives.js";
import { CALLS } from "./named/calls.js";
import { DEFERRAL } from "./named/deferral.js";
import { GROUPS } from "./named/groups.js";
import { MEMORY } from "./named/memory.js";
import { READERS } from "./named/readers.js";
import { SHEAVES } from "./named/sheaf-scenarios.js";
import { SLABS } from "./named/slab-lists.js";

export type { NamedScenario } from "./named/budgets.js";

export const SCENARIOS: readonly NamedScenario[] = [
  ...[...SLABS, ...CALLS, ...MEMORY, ...CACHES, ...GROUPS, ...READERS, ...SHEAVES],
  {
    name: "release-pair",
    about: "the release build itself, two CPUs without NMIs",
    text: "release/16000/irq-work/setup:c0c1c2c3c4c5/task:x0c6x6/task:X1x2c7",
    options: PAIR,
  },
  ...DEFERRAL,
  ...DEATH_SCENARIOS,
];

/** Scenarios small enough to explore without learned conflicts too, which shows learning sound. */
export const LEARNING_PROOF: readonly string[] = [
  "model/16000/irq-work/part0/setup:c0c1/task:x0/task:x1",
  "model/16000/global/setup:c0c1c2c3/task:X0/task:X1",
  "model/16000/irq-work/setup:c0c1c2c3/task:x0/task:c4",
];

/** The names nearest to one that is unknown: those that begin with it, else by edits. */
export function suggestScenarios(name: string): string[] {
  const edits = (known: string) => editDistance(name, known.startsWith(name) ? name : known);
  return SCENARIOS.map((each) => ({ name: each.name, edits: edits(each.name) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map((each) => each.name);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = (row[j] as number) + Number(a[i] !== b[j]);
      next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
