/**
 * From the records of one slot, one per CPU, to its numbers.
 *
 * A phase counts if the CPUs ran it together. Where the machine gave one core to somebody else, one
 * CPU's interval is long and the others' lie in a small part of it: such a phase is left out, and
 * a slot that lost too many is thrown away as a whole. CPUs that are compared with each other are
 * judged by their overlap, not by how long a phase took: a slow arm must not lose its slow phases.
 * Where there is nothing to overlap with, a phase far beyond the CPU's own median is left out.
 */
import type { SlotRecord } from "../workload/slot.js";
import { median } from "./statistics.js";

export interface SlotNumbers {
  /** Time of one phase, summed over the CPUs that ran the load, in ns: the mean over phases. */
  readonly phaseNs: number;
  /** Operations of one phase of those CPUs, and how many were nolock frees. */
  readonly operations: number;
  readonly nolockFrees: number;
  /** Time of the drains, in ns, per phase. */
  readonly drainNs: number;
  /** ns per pair of the victim; null without one. */
  readonly victimNs: number | null;
  /** Over phases and CPUs, ns per operation. */
  readonly p99Ns: number;
  readonly maxNs: number;
  readonly isOutOfMemory: boolean;
}

export interface SlotJudgement {
  /** Null: thrown away. */
  readonly numbers: SlotNumbers | null;
  readonly phases: number;
  readonly droppedPhases: number;
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
  readonly victim: number | null;
}

/** A slot that lost more than this share of its phases is thrown away. */
const DROPPED_MAX = 0.2;
/** Times its own median: a phase of a steady CPU that takes longer was interrupted. */
const STEADY_MAX = 3;

const NS_PER_MS = 1e6;

/** Judge and sum up a slot. @param records one per CPU */
export function judgeSlot(records: readonly SlotRecord[], roles: SlotRoles): SlotJudgement {
  const phases = Math.min(...records.map((record) => record.phases));
  const all = Array.from({ length: phases }, (_, phase) => phase);
  const kept = roles.overlapMin === 0 ? all : all.filter(createJudge(records, roles, all));
  const droppedPhases = phases - kept.length;
  const isOutOfMemory = records.some((record) => record.isOutOfMemory);
  if (phases === 0 || droppedPhases > phases * DROPPED_MAX) {
    return { numbers: isOutOfMemory ? emptyNumbers() : null, phases, droppedPhases };
  }
  return { numbers: sumUp(records, roles, kept, isOutOfMemory), phases, droppedPhases };
}

/** @returns whether a phase counts. */
function createJudge(
  records: readonly SlotRecord[],
  roles: SlotRoles,
  phases: readonly number[],
): (phase: number) => boolean {
  const limits = roles.steady.map((cpu) => {
    const record = records[cpu] as SlotRecord;
    return { record, limitMs: STEADY_MAX * median(phases.map((phase) => tookMs(record, phase))) };
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

function sumUp(
  records: readonly SlotRecord[],
  { victim }: SlotRoles,
  kept: readonly number[],
  isOutOfMemory: boolean,
): SlotNumbers {
  const durationNs = (record: SlotRecord, phase: number) => tookMs(record, phase) * NS_PER_MS;
  const workers = records.filter((_, cpu) => cpu !== victim);
  const perOperation = workers
    .flatMap((record) => kept.map((phase) => durationNs(record, phase) / record.operations))
    .sort((a, b) => a - b);
  const meanOf = (record: SlotRecord) => mean(kept.map((phase) => durationNs(record, phase)));
  const watched = victim === null ? undefined : records[victim];
  const ran = (record: SlotRecord) => Math.max(1, record.phases);
  return {
    phaseNs: sum(workers.map(meanOf)),
    operations: sum(workers.map((record) => record.operations)),
    nolockFrees: sum(workers.map((record) => record.nolockFrees / ran(record))),
    drainNs: sum(records.map((record) => (record.drainMs * NS_PER_MS) / ran(record))),
    victimNs: watched === undefined ? null : meanOf(watched) / watched.operations,
    p99Ns: perOperation[Math.ceil(perOperation.length * 0.99) - 1] ?? 0,
    maxNs: perOperation.at(-1) ?? 0,
    isOutOfMemory,
  };
}

/** What is left of a slot that ran out of memory at once. */
function emptyNumbers(): SlotNumbers {
  const none = { phaseNs: 0, operations: 0, nolockFrees: 0, drainNs: 0, p99Ns: 0, maxNs: 0 };
  return { ...none, victimNs: null, isOutOfMemory: true };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
