/**
 * The published shape of `slablab compare --json`: docs/schema/compare-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import { DEFER_ARMS } from "../heap/constants.js";
import { COMPARE_LOADS, type CompareParameters, type Plan } from "../measure/compare-plan.js";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const positive = v.pipe(v.number(), v.minValue(0));
const arm = v.picklist(DEFER_ARMS);

/** A median with its 95 % interval; null where it does not apply or was not measured. */
const estimate = v.nullable(v.object({ median: v.number(), low: v.number(), high: v.number() }));

const drains = v.object({
  total: count,
  byTrigger: v.object({
    slowFree: count,
    deactivate: count,
    switch: count,
    irqWork: count,
    barrier: count,
  }),
});

const deferred = v.object({
  adds: count,
  remoteAdds: count,
  raises: count,
  drains,
  highWater: count,
  maxAgeOps: count,
  directFrees: count,
  slabs: count,
  countedNolockFrees: count,
});

const armResult = v.object({
  name: arm,
  bounded: v.boolean(),
  ordinaryFreeNs: estimate,
  systemNs: estimate,
  fastAllocNs: estimate,
  nolockFreeNs: estimate,
  nolockAllocNs: estimate,
  barrierNs: estimate,
  p99FreeNs: estimate,
  maxFreeNs: estimate,
  slowFreeShare: v.nullable(share),
  slope: v.array(v.object({ share, ordinaryFreeNs: estimate })),
  costs5PercentAtShare: v.nullable(share),
  deferred: v.nullable(deferred),
});

const ratio = v.object({
  arm,
  against: arm,
  metric: v.picklist(["ordinaryFreeNs", "fastAllocNs", "nolockFreeNs"]),
  ratio: v.nullable(positive),
  low: v.nullable(positive),
  high: v.nullable(positive),
  reason: v.nullable(v.string()),
});

const load = v.object({
  load: v.string(),
  share,
  arms: v.array(
    v.object({
      name: arm,
      bounded: v.boolean(),
      pairNs: estimate,
      barrierNs: estimate,
      slowFreeShare: v.nullable(share),
      ratio: estimate,
      reason: v.nullable(v.string()),
    }),
  ),
});

const finding = v.object({
  arm,
  invariant: v.string(),
  where: v.string(),
  address: count,
  message: v.string(),
});

const results = v.object({
  arms: v.array(armResult),
  ratios: v.array(ratio),
  verdicts: v.array(v.object({ arm, sentence: v.string() })),
  answer: v.string(),
  loads: v.array(load),
  breakEvenRaise: v.nullable(v.number()),
  rounds: count,
  slotMs: positive,
  discardedRounds: count,
  pieces: count,
  interrupted: v.boolean(),
  findings: v.array(finding),
  notes: v.array(v.string()),
});

const parameters = v.object({
  cpus: count,
  arms: v.array(arm),
  shares: v.array(share),
  durationMs: positive,
  rounds: v.nullable(count),
  burst: count,
  nolockCpus: count,
  migrate: share,
  irqCost: positive,
  size: count,
  load: v.nullable(v.picklist(COMPARE_LOADS)),
});

/** The whole document. */
export const compareReportSchema = v.object({
  schema: v.literal("slablab/compare/v1"),
  command: v.literal("compare"),
  environment: v.looseObject({}),
  seed: count,
  parameters,
  results,
});

export type CompareReport = v.InferOutput<typeof compareReportSchema>;

/** The parameters of a run as the document echoes them: under the names of the flags. */
export function compareParameters(
  parameters: CompareParameters,
  { durationMs }: Pick<Plan, "durationMs">,
): CompareReport["parameters"] {
  const { cpus, arms, shares, rounds, burst, nolockCpus, migrate, load } = parameters;
  const { irqCostNs: irqCost, sizeBytes: size } = parameters;
  const lists = { arms: [...arms], shares: [...shares] };
  return { cpus, ...lists, durationMs, rounds, burst, nolockCpus, migrate, irqCost, size, load };
}
