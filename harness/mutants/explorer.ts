/**
 * The machine as a hunter: every interleaving and every NMI of small programs, on the mutant's own
 * model build, which process-main.ts instruments in memory.
 *
 * The shapes that a record names come first, then the others, cheapest first. Learning is not
 * switched off: the sets of conflicting words are learned from the mutant itself.
 */
import { DEFAULT_EXPLORE, explore } from "../machine/explore.js";
import { type MachineModule, makeMachineModule } from "../machine/core/module.js";
import { parseScenario } from "../machine/scenarios/scenario.js";
import { stageOf } from "../machine/scenarios/stage.js";
import { MODEL } from "./builder.js";
import { type HuntOptions, type HuntResult, type Hunter, timed } from "./hunter.js";
import { SHAPES, type Shape } from "./shapes.js";

export const explorer: Hunter = {
  name: "machine",
  unit: "schedules",
  targetOf: () => MODEL,
  hunt: ({ bytes, table, shapes }, options) =>
    timed(async () => {
      if (table === null) throw new Error("expected an instrumented build, got one without sites");
      const module = makeMachineModule(Uint8Array.from(bytes), table);
      return hunt(module, ordered(shapes), options);
    }),
};

/** All shapes, those called `first` at the head. @throws Error if there is none of such a name */
function ordered(first: readonly string[]): Shape[] {
  const directed = first.map((name) => {
    const found = SHAPES.find((shape) => shape.name === name);
    if (found === undefined) throw new Error(`expected a shape of shapes.ts, got ${name}`);
    return found;
  });
  return [...directed, ...SHAPES.filter((shape) => !directed.includes(shape))];
}

async function hunt(
  module: MachineModule,
  shapes: readonly Shape[],
  { budgetMs, seed, signal }: HuntOptions,
): Promise<Omit<HuntResult, "seconds">> {
  const deadline = performance.now() + budgetMs;
  let schedules = 0;
  for (const { name, text, options } of shapes) {
    const durationMs = deadline - performance.now();
    if (durationMs <= 0 || signal?.aborted === true) break;
    const found = await exploreShape(module, text, {
      ...{ ...DEFAULT_EXPLORE, ...options, seed, signal, durationMs },
    });
    schedules += found.schedules;
    if (found.what !== "") return { killed: true, what: `${name}: ${found.what}`, schedules };
  }
  return { killed: false, what: "", schedules };
}

/** @returns what was found, or nothing */
async function exploreShape(
  module: MachineModule,
  text: string,
  options: Parameters<typeof explore>[1],
): Promise<{ schedules: number; what: string }> {
  try {
    const { schedules, finding } = await explore(stageOf(parseScenario(text), module), options);
    const what = finding === null ? "" : `${finding.kind}: ${finding.message}`;
    return { schedules, what };
  } catch (error) {
    // The setup runs on no schedule: a mutant that traps there is dead, too.
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    return { schedules: 0, what: `trap: ${error.message}` };
  }
}
