/**
 * From the records of a slot, one per CPU and piece, to its numbers.
 *
 * A phase counts if the CPUs ran it together. Where the machine gave one core to somebody else, one
 * CPU's interval is long and the others' lie in a small part of it: such a phase is left out. What
 * is left of a piece counts, however little: a busy machine gives fewer phases and so wider
 * intervals, no holes. CPUs that are compared with each other are judged by their overlap, not by
 * how long a phase took: a slow arm must not lose its slow phases. Where there is nothing to
 * overlap with, a phase far beyond the CPU's own median is left out.
 */
import type { SlotRecord } from "../../workload/slot.js";
import { median } from "../common/statistics.js";

/** What counts of one piece of a slot. */
export interface Piece {
  /** Phases that were run, and those of them that count. */
  readonly ran: number;
  readonly kept: number;
  /** By CPU: the time of every phase that counts, in ns. */
  readonly durationsNs: readonly (readonly number[])[];
  /** By CPU: operations of a phase, and how many were nolock frees. */
  readonly operations: readonly number[];
  readonly nolockFrees: readonly number[];
  /** Of every phase that counts, all CPUs together. */
  readonly drainsNs: readonly number[];
  readonly isOutOfMemory: boolean;
}

/** A phase of some CPUs: a mean over phases, a sum over CPUs. */
export interface PhaseNumbers {
  readonly phaseNs: number;
  readonly operations: number;
  readonly nolockFrees: number;
}

/** The phase of the CPUs that are charged, and what stands beside it. */
export interface SlotNumbers extends PhaseNumbers {
  /** The same of all CPUs that ran the load, those with nolock frees only among them. */
  readonly system: PhaseNumbers;
  /** Time of the drains of all CPUs, in ns, per phase. */
  readonly drainNs: number;
  /** ns per pair of the victim; null without one. */
  readonly victimNs: number | null;
  /** Over phases and CPUs, ns per operation. */
  readonly p99Ns: number;
  readonly maxNs: number;
  readonly isOutOfMemory: boolean;
}

export interface SlotRoles {
  /** CPUs whose intervals must be covered, ... */
  readonly covered: readonly number[];
  /** ... and the CPUs that must be running meanwhile. */
  readonly running: readonly number[];
  /** CPUs that are judged by their own median instead. */
  readonly steady: readonly number[];
  /** Part of the covered intervals in which all must be running; 0: nothing is left out. */
  readonly overlapMin: number;
  /** Part of the phases left out of a mean at either end, 0..0.5. */
  readonly trim: number;
  /** CPUs whose time is charged to ordinary frees: those that do any. */
  readonly charged: readonly number[];
  readonly victim: number | null;
}

/** Times its own median: a phase of a steady CPU that takes longer was interrupted. */
const STEADY_MAX = 3;

const NS_PER_MS = 1e6;

/** Leave out of a piece what does not count. @param records one per CPU */
export function judgePiece(records: readonly SlotRecord[], roles: SlotRoles): Piece {
  const ran = Math.min(...records.map((record) => record.phases));
  const all = Array.from({ length: ran }, (_, phase) => phase);
  const kept = roles.overlapMin === 0 ? all : all.filter(createJudge(records, roles, all));
  return {
    ran,
    kept: kept.length,
    durationsNs: records.map((record) => kept.map((phase) => tookMs(record, phase) * NS_PER_MS)),
    operations: records.map((record) => record.operations),
    nolockFrees: records.map(({ nolockFrees }) => nolockFrees / Math.max(1, ran)),
    drainsNs: kept.map(
      (phase) => sum(records.map(({ drainsMs }) => drainsMs[phase] ?? 0)) * NS_PER_MS,
    ),
    isOutOfMemory: records.some((record) => record.isOutOfMemory),
  };
}

/** @returns whether a phase counts. */
function createJudge(
  records: readonly SlotRecord[],
  roles: SlotRoles,
  phases: readonly number[],
): (phase: number) => boolean {
  const limits = roles.steady.map((cpu) => {
    const record = records[cpu] as SlotRecord;
    const tookAll = phases.map((phase) => tookMs(record, phase));
    return { record, limitMs: STEADY_MAX * (tookAll.length === 0 ? 0 : median(tookAll)) };
  });
  const mustOverlap = new Set([...roles.covered, ...roles.running]).size > 1;
  return (phase) =>
    limits.every(({ record, limitMs }) => tookMs(record, phase) <= limitMs) &&
    (!mustOverlap || overlapOf(records, roles, phase) >= roles.overlapMin);
}

/** How much of the time that any covered CPU took all the running CPUs were at it, 0..1. */
export function overlapOf(
  records: readonly SlotRecord[],
  { covered, running }: Pick<SlotRoles, "covered" | "running">,
  phase: number,
): number {
  const starts = (cpus: readonly number[]) =>
    cpus.map((cpu) => records[cpu]?.startsMs[phase] as number);
  const ends = (cpus: readonly number[]) =>
    cpus.map((cpu) => records[cpu]?.endsMs[phase] as number);
  const from = Math.min(...starts(covered));
  const to = Math.max(...ends(covered));
  const together =
    Math.min(to, ...ends(covered), ...ends(running)) -
    Math.max(from, ...starts(covered), ...starts(running));
  return Math.max(0, together) / (to - from);
}

function tookMs(record: SlotRecord, phase: number): number {
  return (record.endsMs[phase] as number) - (record.startsMs[phase] as number);
}

/** The numbers of a slot from its pieces; null if none is left. */
export function sumUp(pieces: readonly Piece[], roles: SlotRoles): SlotNumbers | null {
  const { trim, victim, charged } = roles;
  const [first] = pieces;
  if (first === undefined) return null;
  const workers = first.operations.map((_, cpu) => cpu).filter((cpu) => cpu !== victim);
  const durationsOf = (cpu: number) => pieces.flatMap((piece) => piece.durationsNs[cpu] ?? []);
  const operationsOf = (cpu: number) => first.operations[cpu] as number;
  const meanOf = (cpu: number) => trimmedMean(durationsOf(cpu), trim);
  const phaseOf = (cpus: readonly number[]): PhaseNumbers => ({
    phaseNs: sum(cpus.map(meanOf)),
    operations: sum(cpus.map(operationsOf)),
    nolockFrees: sum(cpus.map((cpu) => mean(pieces.map((each) => each.nolockFrees[cpu] ?? 0)))),
  });
  const perOperation = charged
    .flatMap((cpu) => durationsOf(cpu).map((took) => took / operationsOf(cpu)))
    .sort((a, b) => a - b);
  return {
    ...phaseOf(charged),
    system: phaseOf(workers),
    drainNs: trimmedMean(
      pieces.flatMap((piece) => piece.drainsNs),
      trim,
    ),
    victimNs: victim === null ? null : meanOf(victim) / operationsOf(victim),
    p99Ns: perOperation[Math.ceil(perOperation.length * 0.99) - 1] ?? 0,
    maxNs: perOperation.at(-1) ?? 0,
    isOutOfMemory: pieces.some((piece) => piece.isOutOfMemory),
  };
}

/** The mean without the part `trim` of the values at either end; 0 of no values. */
export function trimmedMean(values: readonly number[], trim: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length * trim);
  return mean(sorted.slice(cut, sorted.length - cut));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
