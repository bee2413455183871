/**
 * The published shape of `slablab compare --json`: docs/schema/compare-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import { FLOOR_ARM, MERGED_ARM, RIVAL_ARM } from "../../heap/arms.js";
import {
  COMPARE_LOADS,
  type CompareParameters,
  type Plan,
} from "../../measure/compare/compare-plan.js";
import { count, described, documentOf, positive, share } from "../common/schema.js";

/** No list of names: an arm that comes makes no new version of the document. */
const arm = described(v.string(), "an arm of deferral: one of `parameters.arms`");

const estimate = described(
  v.nullable(v.object({ median: v.number(), low: v.number(), high: v.number() })),
  "ns: a median with its 95 % bootstrap interval; null: does not apply, or was not measured",
);

const drains = v.object({
  total: described(count, "non-empty lists that were taken"),
  byTrigger: v.object({
    slowFree: described(count, "by an ordinary slow free"),
    deactivate: described(count, "by deactivate_slab()"),
    switch: described(count, "by a call that replaced the cpu slab"),
    irqWork: described(count, "by irq_work"),
    barrier: described(count, "by the barrier at the end of a phase: nobody else had"),
  }),
});

const deferred = v.object({
  adds: described(count, "nolock frees that deferred their object"),
  remoteAdds: described(count, "of these, to another CPU's list"),
  raises: described(count, "irq_work raised: a list stopped being empty"),
  drains,
  highWater: described(count, "the longest list that was taken, in objects"),
  maxAgeOps: described(count, "the greatest age at a drain, in operations of all CPUs"),
  directFrees: described(count, "nolock frees that went straight to their slab"),
  slabs: described(count, "slabs that waited for irq_work"),
  countedNolockFrees: described(count, "nolock frees in the phases that were counted"),
});

const armResult = v.object({
  name: arm,
  bounded: described(v.boolean(), "false: it ran out of memory, so it has no times and no rank"),
  ordinaryFreeNs: described(estimate, "ns per ordinary free at the largest share"),
  systemNs: described(estimate, "ns per free of either kind, all CPUs, barrier included"),
  fastAllocNs: described(estimate, "ns per fast pair on a CPU beside the load"),
  nolockFreeNs: described(estimate, "ns per free where all frees are nolock frees"),
  nolockAllocNs: described(estimate, "ns per kmalloc_nolock() from half-full slabs"),
  barrierNs: described(estimate, "ns per nolock free of draining what a phase left"),
  p99FreeNs: described(estimate, "ns per free of the slowest hundredth of the phases of a round"),
  maxFreeNs: described(estimate, "ns per free of the slowest phase of a round"),
  slowFreeShare: v.nullable(share),
  slope: v.array(v.object({ share, ordinaryFreeNs: estimate })),
  costs5PercentAtShare: described(
    v.nullable(share),
    `the share at which an ordinary free costs 1.05 of what it costs in the arm ${FLOOR_ARM}`,
  ),
  deferred: described(v.nullable(deferred), "the counting pass at the largest share"),
});

const ratio = v.object({
  arm,
  against: arm,
  metric: v.picklist(["ordinaryFreeNs", "fastAllocNs", "nolockFreeNs"]),
  ratio: described(v.nullable(positive), "arm divided by against, paired within rounds"),
  low: v.nullable(positive),
  high: v.nullable(positive),
  reason: described(v.nullable(v.string()), "why the ratio is withheld; null: it is not"),
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

const outcomes = v.object({
  share,
  burst: count,
  main: described(share, "parts of the nolock frees: to the sheaf of the fast paths"),
  spare: described(share, "to another sheaf of its CPU, which came in its place"),
  barn: described(share, "to a sheaf of the barn"),
  slab: described(share, "to a slab"),
  deferred: described(share, "to the arm's list"),
  raises: described(positive, "irq_work raised, per nolock free"),
});

const results = v.object({
  arms: v.array(armResult),
  ratios: v.array(ratio),
  verdicts: v.array(v.object({ arm, sentence: v.string() })),
  answer: v.string(),
  loads: v.array(load),
  breakEvenRaise: described(
    v.nullable(v.number()),
    `price of a raise, in ns, from which on ${MERGED_ARM} loses to ${RIVAL_ARM}`,
  ),
  sheaves: described(
    v.nullable(
      v.object({
        arm,
        byShare: described(v.array(outcomes), "by the share of nolock frees"),
        byBurst: described(v.array(outcomes), "at the largest share, by the length of a burst"),
        matters: described(
          v.nullable(v.boolean()),
          "whether an arm costs an ordinary free 5 % at any share; null: this run cannot tell",
        ),
        raiseNsFor5Percent: described(
          v.nullable(positive),
          `price of a raise, in ns, at which ${MERGED_ARM} costs an ordinary free 5 %`,
        ),
        verdict: v.string(),
      }),
    ),
    "whether the question matters with sheaves; null: a run on cpu slabs",
  ),
  rounds: count,
  slotMs: positive,
  headlineRounds: described(count, "rounds of the smallest and the largest share, the first ones"),
  discardedRounds: described(count, "pieces of slots in which the CPUs never ran together"),
  pieces: described(count, "pieces that were run, the discarded ones included"),
  leftOutShare: described(share, "part of all phases that the CPUs did not run together, 0..1"),
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
  percpu: described(v.string(), "what CPUs allocate from: slab or sheaf"),
  load: v.nullable(v.picklist(COMPARE_LOADS)),
});

/** The whole document. */
export const compareReportSchema = documentOf("compare", parameters, results);

export type CompareReport = v.InferOutput<typeof compareReportSchema>;

/** The parameters of a run as the document echoes them: under the names of the flags. */
export function compareParameters(
  parameters: CompareParameters,
  { durationMs }: Pick<Plan, "durationMs">,
): CompareReport["parameters"] {
  const { cpus, arms, shares, rounds, burst, nolockCpus, migrate, percpu, load } = parameters;
  const { irqCostNs: irqCost, sizeBytes: size } = parameters;
  const lists = { arms: [...arms], shares: [...shares] };
  const traffic = { burst, nolockCpus, migrate, irqCost, size };
  return { cpus, ...lists, durationMs, rounds, ...traffic, percpu, load };
}
