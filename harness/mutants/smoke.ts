/**
 * The cheapest hunter: a fixed load on one CPU, which nobody re-enters, in every kind of heap.
 *
 * The load is the re-entry fuzz's at depth 0, with tasks, interrupts and NMIs; validated at its
 * end, everything given back, and nothing may be left.
 */
import { runSetup } from "../workload/reentry/reentry-run.js";
import { type FuzzSetup, makeSetup } from "../workload/reentry/reentry-setup.js";
import { provideBuild } from "../heap/load.js";
import { type Hunter, timed } from "./hunter.js";

const OPERATIONS = 1500;

const SETUPS: readonly FuzzSetup[] = [
  makeSetup({ arm: "irq-work", depth: 0 }),
  makeSetup({ arm: "irq-work", hardened: true, randomize: true, depth: 0 }),
  makeSetup({ arm: "irq-work", slabDebug: "FZPU", depth: 0 }),
  makeSetup({ arm: "irq-work", slabDebug: "FZPU", hardened: true, randomize: true, depth: 0 }),
  makeSetup({ arm: "direct", memcg: true, depth: 0 }),
  makeSetup({ arm: "percpu-slow-free", rt: true, depth: 0 }),
  makeSetup({ arm: "global", noCmpxchg: true, depth: 0 }),
  makeSetup({ arm: "percpu-deactivate", depth: 0 }),
  makeSetup({ arm: "percpu-switch", depth: 0 }),
  makeSetup({ arm: "node", depth: 0 }),
  makeSetup({ arm: "none", depth: 0 }),
];

export const smoke: Hunter = {
  name: "smoke",
  unit: "operations",
  targetOf: () => "trace",
  hunt: ({ module }, { budgetMs, seed, signal }) =>
    timed(async () => {
      provideBuild("trace", module);
      const deadlineMs = performance.now() + budgetMs;
      let schedules = 0;
      for (const setup of SETUPS) {
        if (signal?.aborted === true || performance.now() > deadlineMs) break;
        const limits = { operations: OPERATIONS, deadlineMs, ...(signal && { signal }) };
        const { findings, tally } = await runSetup(setup, seed, limits);
        schedules += tally.operations;
        const [found] = findings;
        if (found !== undefined) {
          return { killed: true, what: `${found.kind}: ${found.message}`, schedules };
        }
      }
      return { killed: false, what: "", schedules };
    }),
};
