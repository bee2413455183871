/**
 * Proof by example that learned conflicts leave nothing out: the same scenario with a choice before
 * every access leaves the same memories.
 */
import { DEFAULT_EXPLORE, type ExploreResult, explore } from "./explore.js";
import { parseScenario } from "./scenarios/scenario.js";
import { makeStage } from "./scenarios/stage.js";

export interface LearningResult {
  readonly scenario: string;
  readonly bound: number;
  /** Schedules of the last round with learning, and of all without. */
  readonly schedules: number;
  readonly schedulesWithout: number;
  /** Different memories at the ends. */
  readonly states: number;
  readonly statesWithout: number;
  /** Both searches were complete. */
  readonly complete: boolean;
  /** Both found the same number of memories; true if one of them was not complete. */
  readonly same: boolean;
  readonly seconds: number;
}

const BOUND = 2;
const TRY_MS = 120_000;

export async function proveLearning(text: string, signal?: AbortSignal): Promise<LearningResult> {
  const begun = performance.now();
  const run = async (learns: boolean): Promise<ExploreResult> => {
    const stage = await makeStage(parseScenario(text));
    const options = { ...DEFAULT_EXPLORE, bound: BOUND, learns, durationMs: TRY_MS, signal };
    return explore(stage, options);
  };
  const learned = await run(true);
  const all = await run(false);
  const complete = learned.complete && all.complete;
  return {
    ...{ scenario: text, bound: BOUND, complete },
    ...{ schedules: learned.lastRound, schedulesWithout: all.lastRound },
    ...{ states: learned.states, statesWithout: all.states },
    same: !complete || learned.states === all.states,
    seconds: (performance.now() - begun) / 1000,
  };
}
