/**
 * The re-entry fuzz as a hunter: on one CPU, trace points are re-entered up to three deep, in every
 * arm of deferral with every feature; and the same on two Workers that hand each other objects.
 */
import { provideBuild } from "../heap/load.js";
import { runSetup } from "../workload/reentry/reentry-run.js";
import { runCampaign } from "../workload/reentry/reentry-campaign.js";
import { DEPTH_MAX, makeMatrix } from "../workload/reentry/reentry-setup.js";
import { type Hunter, timed } from "./hunter.js";

/** Few: a defect shows early or in another setup, and ends are where heaps are looked at. */
const OPERATIONS = 1500;

export const fuzz: Hunter = {
  name: "fuzz",
  unit: "operations",
  targetOf: () => "trace",
  hunt: ({ module }, { budgetMs, seed, signal }) =>
    timed(async () => {
      provideBuild("trace", module);
      const setups = makeMatrix({ arm: null, features: null, depth: DEPTH_MAX, cpus: 1 });
      const deadlineMs = performance.now() + budgetMs;
      let schedules = 0;
      for (let round = 0; ; round++) {
        for (const setup of setups) {
          if (signal?.aborted === true || performance.now() > deadlineMs) {
            return { killed: false, what: "", schedules };
          }
          const limits = { operations: OPERATIONS, deadlineMs, ...(signal && { signal }) };
          const { findings, tally } = await runSetup(setup, (seed + round) >>> 0, limits);
          schedules += tally.operations;
          const [found] = findings;
          if (found !== undefined) {
            return { killed: true, what: `${found.kind}: ${found.message}`, schedules };
          }
        }
      }
    }),
};

export const fuzzWorkers: Hunter = {
  name: "fuzz-2-cpus",
  unit: "operations",
  targetOf: () => "trace",
  hunt: ({ module }, { budgetMs, seed, signal }) =>
    timed(async () => {
      provideBuild("trace", module);
      const setups = makeMatrix({ arm: null, features: {}, depth: DEPTH_MAX, cpus: 2 });
      const limits = { durationMs: budgetMs, operations: null, ...(signal && { signal }) };
      const { rows, total } = await runCampaign({ setups, seed, ...limits });
      const found = rows.flatMap(({ findings }) => findings)[0];
      const what = found === undefined ? "" : `${found.kind}: ${found.message}`;
      return { killed: found !== undefined, what, schedules: total.operations };
    }),
};
