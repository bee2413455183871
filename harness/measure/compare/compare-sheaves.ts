/**
 * Whether the thread's question - one list for all CPUs or one each, and who drains it - matters
 * once there are sheaves: `slablab compare --percpu sheaf`.
 *
 * A nolock free that finds room in a sheaf waits nowhere, whatever the arm. So the answer has two
 * halves: how many are left that do wait, by the share of nolock frees and by the length of a
 * burst; and what those cost an ordinary free, with the price that a raise would need to be felt.
 */
import { type DeferArm, FLOOR_ARM, MERGED_ARM } from "../../heap/arms.js";
import { type ArmInputs, type ArmResult, raisesPerOrdinaryFree } from "./compare-arm.js";
import type { ConditionCounts, NolockOutcomes } from "./compare-counts.js";
import type { ArmRatio } from "./compare-ratios.js";
import { burstKey, largestShare, NOLOCK_KEY, slopeKey, SWEPT_BURSTS } from "./compare-plan.js";

/** Where nolock frees went under one condition, as parts of them, 0..1. */
export interface OutcomeShares extends NolockOutcomes {
  /** Share of the frees that were nolock frees. */
  readonly share: number;
  /** Nolock frees in one NMI. */
  readonly burst: number;
  /** irq_work raised, per nolock free. */
  readonly raises: number;
}

export interface SheafResults {
  /** The arm that the parts are of: the merged one, if it was measured. */
  readonly arm: DeferArm;
  /** By the share of nolock frees; the last, 1, is of CPUs that do nothing else. */
  readonly byShare: readonly OutcomeShares[];
  /** At the largest share that was asked for, by the length of a burst. */
  readonly byBurst: readonly OutcomeShares[];
  /** Whether any arm costs an ordinary free 5 % at any share; null: this run cannot tell. */
  readonly matters: boolean | null;
  /** What a raise has to cost for the merged arm to cost an ordinary free 5 %, in ns. */
  readonly raiseNsFor5Percent: number | null;
  readonly verdict: string;
}

/** The interval of fewer rounds is none, and shows nothing. */
const ROUNDS_MIN = 3;

interface Inputs extends ArmInputs {
  readonly arms: readonly ArmResult[];
  readonly ratios: readonly ArmRatio[];
}

/** The results of a run on heaps with sheaves; null of any other. */
export function sheafResults(inputs: Inputs): SheafResults | null {
  const { parameters, counts, arms } = inputs;
  if (parameters.percpu !== "sheaf") return null;
  const arm = parameters.arms.includes(MERGED_ARM) ? MERGED_ARM : parameters.arms.at(-1);
  if (arm === undefined) return null;
  const { burst, shares } = parameters;
  const largest = largestShare(parameters);
  const at = (key: string, share: number, length = burst) => {
    const counted = counts.get(arm)?.get(key);
    return counted === undefined ? [] : partsOf(counted, { share, burst: length });
  };
  const slope = shares.filter((share) => share > 0).flatMap((share) => at(slopeKey(share), share));
  const byShare = [...slope, ...at(NOLOCK_KEY, 1)];
  const byBurst = SWEPT_BURSTS.flatMap((length) => at(burstKey(length), largest, length));
  const known = arms.filter(({ name, bounded }) => !bounded || toFloor(inputs, name) !== null);
  const matters =
    known.length === 0 ? null : known.some((each) => !each.bounded || isCostly(inputs, each));
  const price = priceOfRaise(inputs, arm);
  const results = { arm, byShare, byBurst, matters, raiseNsFor5Percent: price };
  return { ...results, verdict: verdictOf(inputs, results) };
}

/** What an arm costs of the floor at the largest share; null without an interval. */
function toFloor(inputs: Inputs, name: DeferArm): { ratio: number; low: number } | null {
  const { ratios, table, parameters } = inputs;
  const rounds = table.zip([name, FLOOR_ARM], slopeKey(largestShare(parameters)), () => true);
  const found = ratios.find(
    ({ arm, against, metric }) =>
      arm === name && against === FLOOR_ARM && metric === "ordinaryFreeNs",
  );
  const { ratio = null, low = null } = found ?? {};
  return ratio === null || low === null || rounds.length < ROUNDS_MIN ? null : { ratio, low };
}

/** Whether this run shows that an arm costs an ordinary free 5 %, and is no noise about 1. */
function isCostly(inputs: Inputs, { name, costs5PercentAtShare }: ArmResult): boolean {
  return costs5PercentAtShare !== null && (toFloor(inputs, name)?.low ?? 0) > 1;
}

/** The parts of the nolock frees that were counted; none of none. */
function partsOf(
  { nolockFrees, outcomes, deferred }: ConditionCounts,
  where: { readonly share: number; readonly burst: number },
): OutcomeShares[] {
  if (nolockFrees === 0) return [];
  const part = (count: number) => count / nolockFrees;
  const { main, spare, barn, slab } = outcomes;
  return [
    {
      ...where,
      main: part(main),
      spare: part(spare),
      barn: part(barn),
      slab: part(slab),
      deferred: part(outcomes.deferred),
      raises: part(deferred.raises),
    },
  ];
}

/** 5 % of what an ordinary free costs on the floor, over the raises that come with one. */
function priceOfRaise(inputs: Inputs, arm: DeferArm): number | null {
  const share = largestShare(inputs.parameters);
  const floor = inputs.arms.find(({ name }) => name === FLOOR_ARM)?.ordinaryFreeNs?.median;
  const raises = raisesPerOrdinaryFree(inputs, arm, share);
  if (floor === undefined || raises === null || raises === 0) return null;
  return (0.05 * floor) / raises;
}

function verdictOf(
  inputs: Inputs,
  { arm, byShare, byBurst, matters, raiseNsFor5Percent }: Omit<SheafResults, "verdict">,
): string {
  const largest = largestShare(inputs.parameters);
  const sentences = [
    mattersSentence(inputs, matters, largest),
    shareSentence(byShare),
    burstSentence(byBurst),
    raiseNsFor5Percent === null
      ? byShare.some(({ raises }) => raises > 0)
        ? ""
        : `Nothing is raised in the arm ${arm}, so a raise may cost what it likes.`
      : `A raise would have to cost ${digits(raiseNsFor5Percent)} ns for ${arm} to cost an ` +
        `ordinary free 5 % at ${percent(largest)}.`,
  ];
  return sentences.filter((sentence) => sentence !== "").join(" ");
}

function mattersSentence(inputs: Inputs, matters: boolean | null, largest: number): string {
  if (matters === null) {
    return "This run cannot tell whether the question matters with sheaves: try --duration 10s.";
  }
  const { arms } = inputs;
  const costly = arms.filter((arm) => isCostly(inputs, arm));
  const unbounded = arms.filter(({ bounded }) => !bounded).map(({ name }) => name);
  if (!matters) {
    return (
      `With sheaves the question does not matter up to ${percent(largest)} nolock frees: no arm ` +
      "that was measured is shown to cost an ordinary free 5 %."
    );
  }
  const from = costly.map(
    ({ name, costs5PercentAtShare: at }) => `${name} from ${percent(at as number)} on`,
  );
  const ends = unbounded.map((name) => `${name} ran out of memory`);
  return `With sheaves the question matters still: ${[...from, ...ends].join(", ")} (5 %).`;
}

function shareSentence(byShare: readonly OutcomeShares[]): string {
  const parts = byShare.map(({ share, deferred }) => `${percent(deferred)} at ${percent(share)}`);
  return parts.length === 0
    ? ""
    : `Of the nolock frees these wait on a list, by their share of all frees: ${parts.join(", ")}.`;
}

function burstSentence(byBurst: readonly OutcomeShares[]): string {
  const [first] = byBurst;
  if (first === undefined) return "";
  const parts = byBurst.map(({ burst, deferred }) => `${percent(deferred)} in bursts of ${burst}`);
  return `At ${percent(first.share)} it is ${parts.join(", ")}.`;
}

function percent(part: number): string {
  return `${Number((part * 100).toPrecision(2))} %`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
