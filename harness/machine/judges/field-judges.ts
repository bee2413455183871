/** The judges of a heap's fields, together. */
import type { HeapView } from "../../heap/view.js";
import type { Machine } from "../core/machine.js";
import { DeferJudge } from "./defer-judge.js";
import { FieldWatch } from "./field-watch.js";
import { HeapWords, LOCKS, SLAB_WORD } from "./heap-words.js";
import { LockJudge } from "./locks.js";
import { NodeListJudge } from "./node-lists.js";
import { OwnWordJudge } from "./own-words.js";
import type { Ownership } from "./ownership.js";
import { PageJudge } from "./page-judge.js";
import { PerCpuJudge } from "./percpu.js";
import { RefusalJudge } from "./refusals.js";
import { SheafJudge } from "./sheaf-judge.js";
import { SlabWordJudge } from "./slab-words.js";

/** With fewer free pages than this, a block of the wanted order may be missing. */
const SHORT_PAGES = 32;

/** What of a scenario they have to know. */
export interface FieldRules {
  /** Local locks are owned by tasks, and fast paths take them. */
  readonly rt: boolean;
  /** The heap's options let a nolock allocation return NULL wherever it likes. */
  readonly mayRefuse: boolean;
  /** NMIs come, or tasks share CPUs: counters lose what is counted in between. */
  readonly losesCounts: boolean;
}

/** Call it when the setup is done: what is there then is the start of every schedule. */
export function watchFields(
  machine: Machine,
  view: HeapView,
  ownership: Ownership,
  { rt, mayRefuse, losesCounts }: FieldRules,
): FieldWatch {
  const heap = new HeapWords(machine, view);
  const locks = new LockJudge(machine, heap);
  const { zone, heap_header: header } = view.table.offsets;
  const zones = Array.from({ length: view.nodeCount }, (_, node) => view.zone(node).address);
  const isShort = () =>
    // A group at its limit refuses, too.
    heap.at(view.base + header.memcg_table) !== 0 ||
    zones.some((address) => heap.at(address + zone.nr_free) < SHORT_PAGES);
  // Held locks are known to the others when they are asked: the judge of locks comes first.
  const judges = [
    locks,
    new PerCpuJudge(machine, heap, locks, rt),
    new SheafJudge(machine, heap, locks, view.base),
    new SlabWordJudge(machine, heap, ownership),
    new NodeListJudge(machine, heap, locks),
    new DeferJudge(machine, heap, locks, ownership),
    new PageJudge(machine, heap),
    new OwnWordJudge(machine, heap, losesCounts),
    new RefusalJudge(machine, heap, mayRefuse, isShort),
  ];
  return new FieldWatch(heap, judges, [SLAB_WORD, ...LOCKS]);
}
