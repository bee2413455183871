/**
 * Real threads as a hunter: two Workers at full speed on one heap, with a shadow of every object.
 * It meets what depends on two CPUs by chance, and often enough where the window is not tiny.
 */
import { provideBuild } from "../heap/load.js";
import { runStress } from "../workload/stress/stress-run.js";
import { setupsOf } from "../workload/stress/stress-setup.js";
import { type Hunter, timed } from "./hunter.js";

export const stress: Hunter = {
  name: "stress",
  unit: "operations",
  targetOf: () => "stats",
  hunt: ({ module }, { budgetMs, seed, signal }) =>
    timed(async () => {
      provideBuild("stats", module);
      const setups = setupsOf(null, { build: "stats", percpu: "slab", cpus: 2 });
      const limits = { durationMs: budgetMs, ...(signal && { signal }) };
      const { rows } = await runStress({ setups, seed, ...limits });
      const counts = rows.flatMap(({ operations }) => Object.values(operations));
      const schedules = counts.reduce((sum, count) => sum + count, 0);
      const found = rows.find(({ finding }) => finding !== null)?.finding;
      const what = found ? `${found.kind}: ${found.message}` : "";
      return { killed: found !== undefined, what, schedules };
    }),
};
