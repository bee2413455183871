/**
 * What `slablab compare` prints for people: the slope with its intervals, everything that is one
 * number per arm, the other loads, a sentence for each arm, the answer, and where to go next.
 *
 * No table is wider than 100 columns, and nothing relies on colour.
 */
import { FLOOR_ARM } from "../../heap/arms.js";
import { styleText } from "node:util";
import type { ArmResult } from "../../measure/compare/compare-arm.js";
import type { LifetimeArm } from "../../measure/compare/compare-lifetimes.js";
import { type CompareParameters, mainLoad } from "../../measure/compare/compare-plan.js";
import { type CompareResults, isEmpty } from "../../measure/compare/compare-results.js";
import type { Estimate } from "../../measure/common/statistics.js";
import { EMPTY_CELL, formatCount, renderTable } from "../common/table.js";

const COLUMNS = 100;

/** The whole report; `head` is the line that says where it was measured. */
export function compareText(
  parameters: CompareParameters,
  results: CompareResults,
  head: string,
): string {
  const share = formatShare(parameters.shares.at(-1) ?? 0);
  const top = [
    wrap(head),
    wrap(describeRun(parameters, results)),
    ...results.notes.map((note) => wrap(`note: ${note}`)),
  ];
  if (isEmpty(results)) {
    return `${[...top, NOTHING, ...findingLines(results), nextLines(parameters)].join("\n")}\n`;
  }
  const parts = [
    ...top,
    title(`ns per ${unitOf(parameters)}, by the share of frees that are kfree_nolock()`),
    slopeTable(parameters, results),
    title(`the same arms at a share of ${share}: ns, and events per 1000 nolock frees`),
    sideTable(results),
    LEGEND,
    ...loadTables(results, share),
    title("verdicts"),
    results.verdicts.map(({ arm, sentence }) => wrap(sentence, arm)).join("\n"),
    ...(results.answer === "" ? [] : [title("the question"), wrap(results.answer)]),
    ...sheafLines(results),
    ...findingLines(results),
    nextLines(parameters),
  ];
  return `${parts.join("\n")}\n`;
}

const NOTHING = "\nNothing was measured: not one round of any arm was finished.";

/**
 * The ends of the slope as soon as they are known: what is measured first. It says that it is no
 * result yet.
 */
export function compareFirstText(parameters: CompareParameters, results: CompareResults): string {
  const { shares } = parameters;
  const ends = shares.filter((_, index) => index === 0 || index === shares.length - 1);
  const rounds = `${results.headlineRounds} ${results.headlineRounds === 1 ? "round" : "rounds"}`;
  const head = ["arm", ...ends.map(formatShare), "of none"];
  const rows = results.arms.map((arm) => [
    arm.name,
    ...slopeCells(arm, ends),
    formatTimes(toFloor(results.ratios, arm.name)),
  ]);
  const what = `a first look after ${rounds}, to be refined: ns per ${unitOf(parameters)}`;
  return `${title(what)}\n${renderTable({ head, rows })}\n`;
}

function unitOf(parameters: CompareParameters): string {
  const load = mainLoad(parameters);
  if (load === "surplus") return "ordinary kfree() of more than sheaves keep";
  if (load === "slow-free") return "ordinary kfree() on the slow path";
  return `ordinary kfree() and the kmalloc() that goes with it (${load})`;
}

function describeRun(parameters: CompareParameters, results: CompareResults): string {
  const { cpus, nolockCpus, burst, sizeBytes, migrate, irqCostNs, percpu } = parameters;
  const layer = percpu === "sheaf" ? " with sheaves" : "";
  const only = nolockCpus === 0 ? "" : `, ${nolockCpus} of them with nolock frees only`;
  const moved = migrate === 0 ? "" : `, ${formatShare(migrate)} of them to another CPU's list`;
  const price = irqCostNs === 0 ? "" : `, ${irqCostNs} ns added for every raise`;
  return (
    `${cpus} CPUs${layer}${only}, objects of ${sizeBytes} bytes, ` +
    `nolock frees in NMIs of ${burst}${moved}${price}; ${results.headlineRounds} rounds, ` +
    `slots of ${results.slotMs.toFixed(0)} ms, ` +
    `${(results.leftOutShare * 100).toFixed(0)} % of the phases left out; ` +
    (results.headlineRounds < ROUNDS_FOR_INTERVALS
      ? "too few rounds for intervals to mean anything: try a longer --duration"
      : "medians and 95 % intervals")
  );
}

function slopeTable({ shares }: CompareParameters, { arms, ratios }: CompareResults): string {
  const head = ["arm", ...shares.map(formatShare), "of none", "5 % at"];
  const rows = arms.map((arm) => [
    arm.name,
    ...slopeCells(arm, shares),
    formatTimes(toFloor(ratios, arm.name)),
    formatOnset(arm, shares),
  ]);
  return renderTable({ head, rows });
}

function slopeCells({ bounded, slope }: ArmResult, shares: readonly number[]): string[] {
  return slope
    .filter(({ share }) => shares.includes(share))
    .map(({ ordinaryFreeNs }) => (bounded ? formatSpread(ordinaryFreeNs) : "no memory"));
}

/** The paired ratio to the floor at the largest share; null if it is withheld. */
function toFloor(ratios: CompareResults["ratios"], name: string): Estimate | null {
  const found = ratios.find(
    ({ arm, against, metric }) =>
      arm === name && against === FLOOR_ARM && metric === "ordinaryFreeNs",
  );
  const { ratio = null, low = null, high = null } = found ?? {};
  if (ratio === null || low === null || high === null) return null;
  return { median: ratio, low, high };
}

function sideTable({ arms }: CompareResults): string {
  const head = ["arm", "system", "fast", "nl free", "nl alloc", "barrier", "p99"];
  const events = ["drains", "raises", "longest", "age"];
  const rows = arms.map((arm) => {
    const { deferred } = arm;
    const per1000 = (events: number) =>
      deferred === null || deferred.countedNolockFrees === 0
        ? EMPTY_CELL
        : formatCount((events * 1000) / deferred.countedNolockFrees);
    return [
      arm.name,
      formatMedian(arm.systemNs),
      formatMedian(arm.fastAllocNs),
      formatMedian(arm.nolockFreeNs),
      formatMedian(arm.nolockAllocNs),
      formatMedian(arm.barrierNs),
      formatMedian(arm.p99FreeNs),
      per1000(deferred?.drains.total ?? 0),
      per1000(deferred?.raises ?? 0),
      formatCount(deferred?.highWater ?? null),
      formatCount(deferred?.maxAgeOps ?? null),
    ];
  });
  return renderTable({ head: [...head, ...events], rows });
}

/** What the heads of the side table mean; everything else is in docs/compare.md. */
const LEGEND = [
  "system: all CPUs, per free of either kind, what is left to the barrier included; fast: a pair",
  "of kmalloc and kfree on a CPU that stays on the fast path; nl: kfree_nolock and kmalloc_nolock",
  "by themselves; barrier: draining what was left, per nolock free; longest: objects on a list;",
  "age: operations of all CPUs that an object waited at most",
].join("\n");

function loadTables({ loads }: CompareResults, share: string): string[] {
  const [first] = loads;
  if (first === undefined) return [];
  const rows = first.arms.map(({ name }, row) => [
    name,
    ...loads.flatMap(({ arms }) => loadCells(arms[row])),
  ]);
  const head = ["arm", ...loads.flatMap(({ load }) => [load, "of none"])];
  return [
    title(`other lifetimes at a share of ${share}: ns per kfree() and its kmalloc(), short runs`),
    renderTable({ head, rows }),
  ];
}

function loadCells(arm: LifetimeArm | undefined): [string, string] {
  if (arm === undefined) return [EMPTY_CELL, EMPTY_CELL];
  if (!arm.bounded) return ["no memory", EMPTY_CELL];
  return [formatMedian(arm.pairNs), formatTimes(arm.name === FLOOR_ARM ? null : arm.ratio)];
}

function sheafLines({ sheaves }: CompareResults): string[] {
  if (sheaves === null) return [];
  const { arm, byShare, byBurst, verdict } = sheaves;
  const places = ["main", "spare", "barn", "slab", "deferred", "raises"] as const;
  const rows = [...byShare, ...byBurst].map((row) => [
    formatShare(row.share),
    String(row.burst),
    ...places.map((place) => formatNumber(row[place] * 1000)),
  ]);
  return [
    title(`where 1000 nolock frees go in the arm ${arm}, by their share and burst`),
    renderTable({ head: ["share", "burst", ...places], rows }),
    title("the question with sheaves"),
    wrap(verdict),
  ];
}

function findingLines({ findings }: CompareResults): string[] {
  if (findings.length === 0) return [];
  const lines = findings.map(({ arm, invariant, where, message }) =>
    wrap(`${arm}: ${invariant} at ${where}: ${message}`),
  );
  return [title(`findings: ${findings.length} broken invariants`), ...lines];
}

function nextLines({ load, percpu }: CompareParameters): string {
  const next = [
    ["npx slablab compare --nolock-cpus 1", "one CPU only interrupts the other"],
    ["npx slablab compare --irq-cost 500", "what a raise costs on a real machine"],
    ...(percpu === "slab"
      ? ([["npx slablab compare --percpu sheaf", "whether it matters with sheaves"]] as const)
      : []),
    load === null
      ? ["npx slablab compare --load random", "every arm under another lifetime"]
      : ["npx slablab compare", "the main load, and the others beside it"],
    ["npx slablab compare --json", "everything, as one document"],
  ] as const;
  const width = Math.max(...next.map(([command]) => command.length));
  const lines = next.map(([command, does]) => `  ${command.padEnd(width)}   ${does}`);
  return [title("next"), ...lines, "  docs/compare.md says how to read these numbers"].join("\n");
}

function title(text: string): string {
  return `\n${styleText("bold", wrap(text), { stream: process.stdout })}`;
}

/** Breaks at spaces; with a label, the text hangs in a column beside it. */
function wrap(text: string, label = ""): string {
  const indent = label === "" ? "" : " ".repeat(LABEL_COLUMNS);
  const lines: string[] = [];
  let line = label === "" ? "" : label.padEnd(LABEL_COLUMNS);
  for (const word of text.split(" ")) {
    const isFirst = line.length === indent.length || line === label.padEnd(LABEL_COLUMNS);
    if (!isFirst && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = isFirst ? `${line}${word}` : `${line} ${word}`;
    }
  }
  return [...lines, line].join("\n");
}

/** An interval of the bootstrap over fewer rounds is no wider than the rounds lie apart. */
const ROUNDS_FOR_INTERVALS = 3;
/** The longest name of an arm, and two spaces. */
const LABEL_COLUMNS = 19;

/**
 * `74.2 ±3.1`: half the width of the interval. Shorter than the interval itself. A single round has
 * no interval, and gets no ±.
 */
function formatSpread(estimate: Estimate | null): string {
  if (estimate === null) return EMPTY_CELL;
  const { median, low, high } = estimate;
  return `${formatNumber(median)}${low === high ? "" : ` ±${formatNumber((high - low) / 2)}`}`;
}

/** `1.70x ±0.09`, in the same way. */
function formatTimes(estimate: Estimate | null): string {
  if (estimate === null) return EMPTY_CELL;
  const { median, low, high } = estimate;
  return `${median.toFixed(2)}x${low === high ? "" : ` ±${((high - low) / 2).toFixed(2)}`}`;
}

function formatMedian(estimate: Estimate | null): string {
  return estimate === null ? EMPTY_CELL : formatNumber(estimate.median);
}

function formatNumber(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function formatOnset(arm: ArmResult, shares: readonly number[]): string {
  if (arm.name === FLOOR_ARM || !arm.bounded || arm.ordinaryFreeNs === null) return EMPTY_CELL;
  const { costs5PercentAtShare: at } = arm;
  if (at === null) return `>${formatShare(shares.at(-1) ?? 0)}`;
  return `${Number((at * 100).toPrecision(2))} %`;
}
