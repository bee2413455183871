/**
 * The cheapest hunter: a fixed load on one CPU, which nobody re-enters, in every kind of heap.
 *
 * The load is the re-entry fuzz's at depth 0, with tasks, interrupts and NMIs; validated at its
 * end, everything given back, and nothing may be left.
 */
import { runSetup } from "../workload/reentry/reentry-run.js";
import { type FuzzFeatures, type FuzzSetup, makeSetup } from "../workload/reentry/reentry-setup.js";
import { DEFER_ARMS, KIND_ARMS, MERGED_ARM } from "../heap/arms.js";
import { provideBuild } from "../heap/load.js";
import { type Hunter, timed } from "./hunter.js";

const OPERATIONS = 1500;

/** What changes objects and slabs, in one arm: they are the same in all. */
const OBJECT_FEATURES: readonly FuzzFeatures[] = [
  {},
  { hardened: true, randomize: true },
  { slabDebug: "FZPU" },
  { slabDebug: "FZPU", hardened: true, randomize: true },
];
/** What changes locks and charges, each in an arm of another kind. */
const LOCK_FEATURES: readonly FuzzFeatures[] = [{ memcg: true }, { rt: true }, { noCmpxchg: true }];

const OTHER_KINDS = KIND_ARMS.filter((arm) => arm !== MERGED_ARM).reverse();
const OTHERS = DEFER_ARMS.filter((arm) => arm !== MERGED_ARM && !OTHER_KINDS.includes(arm));

const SETUPS: readonly FuzzSetup[] = [
  ...OBJECT_FEATURES.map((features) => makeSetup({ arm: MERGED_ARM, ...features, depth: 0 })),
  ...OTHER_KINDS.map((arm, at) => makeSetup({ arm, ...LOCK_FEATURES[at], depth: 0 })),
  ...OTHERS.map((arm) => makeSetup({ arm, depth: 0 })),
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
