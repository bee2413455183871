/**
 * What the numbers say, in sentences: one for each arm, and the answer to the question.
 *
 * A sentence claims a difference only where the interval of the paired ratio leaves 1 out.
 */
import {
  armRow,
  type DeferArm,
  type DeferTrigger,
  FLOOR_ARM,
  MERGED_ARM,
  RIVAL_ARM,
  VERSION_1_ARM,
} from "../../heap/arms.js";
import { type ArmInputs, type ArmResult, raisesPerOrdinaryFree } from "./compare-arm.js";
import { type CompareLoad, isOfFrees, largestShare } from "./compare-plan.js";
import type { ArmRatio, RatioMetric } from "./compare-ratios.js";

export interface ArmVerdict {
  readonly arm: DeferArm;
  readonly sentence: string;
}

export interface VerdictInputs extends ArmInputs {
  readonly arms: readonly ArmResult[];
  readonly ratios: readonly ArmRatio[];
}

/** A ratio that is there: median and interval. */
interface Known {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** One sentence, or a few short ones, for each arm. */
export function armVerdicts(inputs: VerdictInputs): ArmVerdict[] {
  return inputs.arms.map((arm) => ({ arm: arm.name, sentence: sentenceFor(inputs, arm) }));
}

function sentenceFor(inputs: VerdictInputs, arm: ArmResult): string {
  if (!arm.bounded) {
    return "It ran out of memory: its list grows without bound, so it has no times and no rank.";
  }
  if (arm.ordinaryFreeNs === null) return "Not measured in this run.";
  if (arm.name === FLOOR_ARM) return floorSentence(inputs, arm);
  const parts = [
    costSentence(inputs, arm),
    fastPathSentence(inputs, arm.name),
    drainSentence(arm),
    arm.name === MERGED_ARM ? priceSentence(inputs) : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function floorSentence({ parameters }: VerdictInputs, { ordinaryFreeNs }: ArmResult): string {
  const { median, low, high } = ordinaryFreeNs as { median: number; low: number; high: number };
  return (
    `The floor: ${unitOf(parameters.load)} costs ${ns(median)} [${digits(low)}, ${digits(high)}] ` +
    "when the same nolock frees are done as ordinary ones."
  );
}

function costSentence(inputs: VerdictInputs, arm: ArmResult): string {
  const share = percent(largestShare(inputs.parameters));
  const ratio = findRatio(inputs, arm.name, FLOOR_ARM, "ordinaryFreeNs");
  if (typeof ratio === "string") return `Not compared with the floor: ${ratio}.`;
  const what = unitOf(inputs.parameters.load);
  const times = `${factor(ratio.ratio)} [${factor(ratio.low)}, ${factor(ratio.high)}]`;
  if (ratio.low <= 1 && ratio.high >= 1) {
    return `At ${share} nolock frees no difference to the floor that this run can show: ${times}.`;
  }
  if (ratio.high < 1) {
    const why = isUndrained(arm) ? ": less, because the work waits" : ", less";
    return `At ${share} nolock frees ${what} costs ${times} of the floor${why}.`;
  }
  const from = arm.costs5PercentAtShare;
  const onset =
    from === null
      ? ", which is less than 5 %"
      : from === inputs.parameters.shares[0]
        ? everywhere(inputs, arm.name)
        : `; it costs 5 % from a share of ${percent(from)} on`;
  return `At ${share} nolock frees ${what} costs ${times} of the floor${onset}.`;
}

/** An arm that costs 5 % at each of the shares. */
function everywhere({ parameters }: VerdictInputs, arm: DeferArm): string {
  const { shares, nolockCpus } = parameters;
  // An ordinary slow free looks at the list each time.
  const looks = armRow(arm).trigger === "slow free";
  return shares[0] === 0 && nolockCpus === 0 && looks
    ? "; it costs 5 % even where nobody frees nolock, because every slow free has to look"
    : "; it costs 5 % at every share of this run";
}

function fastPathSentence(inputs: VerdictInputs, arm: DeferArm): string {
  const ratio = findRatio(inputs, arm, FLOOR_ARM, "fastAllocNs");
  if (typeof ratio === "string" || ratio.low <= NOTABLE) return "";
  return `A CPU that never leaves the fast path pays ${factor(ratio.ratio)} as well.`;
}

/** Ratios closer to 1 than this are real perhaps, but not worth a sentence. */
const NOTABLE = 1.02;

function drainSentence(arm: ArmResult): string {
  const { name, deferred, barrierNs } = arm;
  if (deferred === null) return "";
  if (deferred.adds === 0) return deferred.directFrees > 0 ? "Nothing had to wait on a list." : "";
  if (!isUndrained(arm)) return "";
  const cost = barrierNs === null ? "" : ` at ${ns(barrierNs.median)} per nolock free`;
  const why = UNDRAINED[armRow(name).trigger] ?? "";
  return (
    `Nobody drained it: up to ${deferred.highWater} objects waited for the barrier, ` +
    `which freed them${cost}${why}.`
  );
}

/** Whether nothing but the barrier ever emptied the arm's lists. */
function isUndrained({ deferred }: ArmResult): boolean {
  const { total, byTrigger } = deferred?.drains ?? { total: 0, byTrigger: { barrier: 0 } };
  return total > 0 && byTrigger.barrier === total;
}

/** Why a drain did not come, by what would have been it. */
const UNDRAINED: Readonly<Partial<Record<DeferTrigger, string>>> = {
  deactivate: "; on one node deactivate_slab() hardly ever runs",
  switch: "; a CPU that only frees never replaces its cpu slab",
};

/** From which price of a raise on the merged arm loses to the list that slow frees drain. */
function priceSentence(inputs: VerdictInputs): string {
  const price = breakEvenRaiseNs(inputs);
  if (price === null) return "";
  const ratio = findRatio(inputs, RIVAL_ARM, MERGED_ARM, "ordinaryFreeNs");
  const isUnclear = typeof ratio !== "string" && ratio.low <= 1 && ratio.high >= 1;
  const doubt = isUnclear ? " (the two differ by less than this run can show)" : "";
  if (price <= 0) return `It loses to ${RIVAL_ARM} even if a raise is free${doubt}.`;
  return `It loses to ${RIVAL_ARM} from ${ns(price)} per raise on${doubt}.`;
}

/**
 * The price of a raise at which the merged arm costs an ordinary free what its rival does, from
 * the medians at the largest share; 0 or less: it costs more already. Null without either arm.
 */
export function breakEvenRaiseNs(inputs: VerdictInputs): number | null {
  const { parameters } = inputs;
  const share = largestShare(parameters);
  const medianOf = (name: DeferArm) =>
    inputs.arms.find((arm) => arm.name === name)?.ordinaryFreeNs?.median;
  const own = medianOf(MERGED_ARM);
  const other = medianOf(RIVAL_ARM);
  const raises = raisesPerOrdinaryFree(inputs, MERGED_ARM, share);
  if (own === undefined || other === undefined || raises === null || raises === 0) return null;
  return parameters.irqCostNs + (other - own) / raises;
}

/** The question of the thread, answered as far as this run can. */
export function answer(inputs: VerdictInputs): string {
  const share = percent(largestShare(inputs.parameters));
  const perCpu = [MERGED_ARM, RIVAL_ARM].flatMap((name) => {
    const ratio = findRatio(inputs, name, FLOOR_ARM, "ordinaryFreeNs");
    return typeof ratio === "string" ? [] : [`${factor(ratio.ratio)} (${name})`];
  });
  const global = findRatio(inputs, VERSION_1_ARM, FLOOR_ARM, "ordinaryFreeNs");
  if (typeof global === "string" || perCpu.length === 0) return "";
  const against = findRatio(inputs, VERSION_1_ARM, MERGED_ARM, "ordinaryFreeNs");
  const isClear = typeof against !== "string" && against.low > 1;
  const verdict = isClear
    ? "One list per CPU is the better place."
    : "This run cannot tell the two apart: try a longer --duration, or a larger share.";
  return (
    `With ${share} of the frees being kfree_nolock(), one deferred list per cache makes ` +
    `${unitOf(inputs.parameters.load)} cost ${factor(global.ratio)} of what it costs without ` +
    `deferral; one list per CPU ${perCpu.join(" or ")}. ${verdict}`
  );
}

/** A ratio, or why there is none. */
function findRatio(
  { ratios }: VerdictInputs,
  arm: DeferArm,
  against: DeferArm,
  metric: RatioMetric,
): Known | string {
  const found = ratios.find(
    (each) => each.arm === arm && each.against === against && each.metric === metric,
  );
  if (found === undefined) return "it was not measured";
  const { ratio, low, high, reason } = found;
  if (ratio === null || low === null || high === null) return reason ?? "it was not measured";
  return { ratio, low, high };
}

function unitOf(load: CompareLoad | null): string {
  return load === null || isOfFrees(load)
    ? "an ordinary kfree()"
    : "an ordinary kfree() with its kmalloc()";
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

function factor(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}

function ns(value: number): string {
  return `${digits(value)} ns`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
