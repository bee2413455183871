/** The heap of a scenario, its machine and its judges, ready for any number of schedules. */
import { DEFER_ARMS } from "../../heap/constants.js";
import { type FieldTable, readFieldTable } from "../../heap/fields.js";
import { HeapView } from "../../heap/view.js";
import { STACK_BYTES } from "../core/fibre.js";
import { Machine } from "../core/machine.js";
import { type MachineModule, loadMachineModule } from "../core/module.js";
import { type Operation, SLOTS_MAX, type Task, operation } from "../core/program.js";
import { watchFields } from "../judges/fields.js";
import { NolockJudge } from "../judges/nolock.js";
import { Ownership } from "../judges/ownership.js";
import { Quiescence } from "../judges/quiescence.js";
import { acceptRaces } from "../judges/accepted-races.js";
import { RACE_FIBRES_MAX, RaceDetector } from "../judges/races.js";
import { type Scenario, type Step, isTaken, sharesCpus } from "./scenario.js";

const MEMORY_BYTES = 2 * 2 ** 20;
const MAX_CACHES = 20;
const HEAP_RT = 1;
const HEAP_NO_CMPXCHG = 2;
const LOCK_WAIT = 2;
const NODE_ANY = -1;
/** More than any bucket holds. */
const LARGE_BYTES = 9000;
/** Accesses that no nolock call of a tiny heap needs more of. */
export const NOLOCK_STEPS_MAX = 3000;
/** Where the scenario's cache gets its name: a word that belongs to nobody. */
const NAME_AT = 16;

export interface Stage {
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly view: HeapView;
  readonly tasks: readonly Task[];
  readonly nolock: NolockJudge;
  readonly ownership: Ownership;
  readonly quiescence: Quiescence;
}

export async function makeStage(scenario: Scenario): Promise<Stage> {
  return stageOf(scenario, await loadMachineModule(scenario.build));
}

export function stageOf(scenario: Scenario, module: MachineModule): Stage {
  const fibres = Math.max(scenario.cpus, scenario.tasks.length);
  const pages = MEMORY_BYTES / 65536;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const stacks = 4096;
  const host = { call_ctor: () => 0, call_trace: () => {}, call_lockdep: () => {} };
  const machine = new Machine(module, memory, { fibres, stacks, imports: { host } });
  const reserve = Math.ceil((stacks + fibres * STACK_BYTES) / 65536) * 65536;
  const table = readFieldTable(module.module);
  const base = boot(machine, scenario, reserve);
  // Every instance has a CPU of its own to attach to; a task may then run on another's.
  const areas = Array.from({ length: fibres }, (_, cpu) => attach(machine, base, cpu));
  const view = new HeapView(memory, table, base);
  const makeOperation = operationsOf(machine, scenario, view, table);
  if (scenario.pages >= 0) takePages(machine, view, scenario.pages);

  const accepts = acceptRaces(machine, view);
  const races =
    fibres > 1 && fibres <= RACE_FIBRES_MAX ? new RaceDetector(machine, accepts) : undefined;
  const ownership = new Ownership(machine, races);
  const nolock = new NolockJudge(machine, NOLOCK_STEPS_MAX, scenario.arm === "none");
  for (const step of scenario.setup) runNow(machine, makeOperation(step), ownership);
  const tasks = scenario.tasks.map(({ cpu, program }, fibre) => ({
    cpu,
    operations: program.map(makeOperation),
    handler: handlerOf(scenario, fibre).map(makeOperation),
  }));
  for (const task of tasks) {
    if (task.handler.length === 0) continue;
    task.handler.unshift(operation("nmi_enter"));
    task.handler.push(operation("nmi_exit"));
  }
  const quiescence = new Quiescence(machine, view, ownership);
  const losesCounts = scenario.handler.length > 0 || sharesCpus(scenario);
  const fields = watchFields(machine, view, ownership, { ...scenario, losesCounts });
  machine.watchers = [nolock, ownership, fields, ...(races === undefined ? [] : [races])];
  const counts = areas
    .slice(0, scenario.cpus)
    .map((area) => area + table.offsets.cpu_area.preempt_count);
  machine.settle(areas, counts);
  quiescence.settle();
  return { scenario, machine, view, tasks, nolock, ownership, quiescence };
}

/** The handler of a fibre: slots that only handlers use are each fibre's own. */
function handlerOf({ handler, tasks }: Scenario, fibre: number): Step[] {
  const named = new Set(tasks.flatMap(({ program }) => program.map(({ slot }) => slot)));
  return handler.map((step) => {
    const isOwn = step.slot >= 0 && !named.has(step.slot) && !isTaken(handler, step.slot);
    return isOwn ? { ...step, slot: step.slot + SLOTS_MAX * (fibre + 1) } : step;
  });
}

function boot(machine: Machine, scenario: Scenario, reserve: number): number {
  const pages = MEMORY_BYTES / 4096;
  const bits = (scenario.rt ? HEAP_RT : 0) | (scenario.noCmpxchg ? HEAP_NO_CMPXCHG : 0);
  const arm = DEFER_ARMS.indexOf(scenario.arm);
  const all = [reserve, pages, machine.fibres.length, 1, MAX_CACHES, arm, bits, 1];
  const base = machine.callFreely(0, "heap_init", ...all) >>> 0;
  if (base === 0) throw new RangeError("expected the heap's tables to fit the memory");
  return base;
}

function attach(machine: Machine, base: number, cpu: number): number {
  machine.callFreely(cpu, "cpu_attach", base, cpu, LOCK_WAIT);
  return machine.fibres[cpu]?.register ?? 0;
}

/** Makes operations of steps; gives the scenario's caches the limits it asks for. */
function operationsOf(
  machine: Machine,
  scenario: Scenario,
  view: HeapView,
  table: FieldTable,
): (step: Step) => Operation {
  const { bytes } = scenario;
  // "own" and its end, at an address below the stacks.
  machine.words[NAME_AT >>> 2] = 0x006e776f;
  const cache = machine.callFreely(0, "kmem_cache_create", NAME_AT, bytes, 0, 0, 0) >>> 0;
  view.refresh();
  const offsets = table.offsets.kmem_cache;
  for (const { address, object_size } of view.caches()) {
    if (object_size !== bytes) continue;
    machine.words[(address + offsets.min_partial) >>> 2] = scenario.minPartial;
    machine.words[(address + offsets.cpu_partial_slabs) >>> 2] = scenario.cpuPartial;
    const each = (address + offsets.cpu_partial) >>> 2;
    if (scenario.cpuPartial === 0) machine.words[each] = 0;
  }
  const alloc = (call: string, slot: number, args: number[], nolock: boolean): Operation => ({
    ...operation(call, ...args),
    ...{ into: slot, role: "alloc", bytes, nolock },
  });
  const free = (call: string, slot: number, before: number[], nolock: boolean): Operation => ({
    ...operation(call, ...before, { slot }),
    ...{ role: "free", object: before.length, nolock },
  });
  return ({ letter, slot }) => {
    switch (letter) {
      case "k":
        return alloc("kmalloc", slot, [bytes, 0], false);
      case "K":
        return alloc("kmalloc_nolock", slot, [bytes, 0, NODE_ANY], true);
      case "z":
        return alloc("kzalloc", slot, [bytes], false);
      case "f":
        return free("kfree", slot, [], false);
      case "F":
        return free("kfree_nolock", slot, [], true);
      case "l":
        return { ...alloc("kmalloc", slot, [LARGE_BYTES, 0], false), bytes: LARGE_BYTES };
      case "r":
        return free("kfree_rcu", slot, [], false);
      case "w":
        return operation("synchronize_rcu");
      case "c":
        return alloc("kmem_cache_alloc", slot, [cache, 0], false);
      case "C":
        return alloc("kmem_cache_alloc_nolock", slot, [cache, 0, NODE_ANY], true);
      case "x":
        return free("kmem_cache_free", slot, [cache], false);
      case "X":
        return free("kmem_cache_free_nolock", slot, [cache], true);
      case "s":
        return operation("kmem_cache_shrink", cache);
      case "b":
        return operation("defer_free_barrier");
      default:
        return operation("poll");
    }
  };
}

/** A step of the setup: on CPU 0, before any schedule. */
function runNow(machine: Machine, step: Operation, ownership: Ownership): void {
  const args = step.args.map((argument) =>
    typeof argument === "number" ? argument : (machine.slots[argument.slot] as number),
  );
  const result = machine.callFreely(0, step.call, ...args);
  if (step.role === "free") ownership.disownAtStart((args[step.object] as number) >>> 0);
  if (step.into >= 0) machine.slots[step.into] = result;
  if (step.role === "alloc" && result !== 0) ownership.ownAtStart(result >>> 0, step.bytes);
}

/** Allocate pages until `left` are free. */
function takePages(machine: Machine, view: HeapView, left: number): void {
  const free = () => {
    view.refresh();
    return view.zone(0).nr_free;
  };
  for (let pages = 256; pages >= 1; pages >>>= 1) {
    while (free() - pages >= left) {
      if (machine.callFreely(0, "kmalloc", Math.max(8193, pages * 4096), 0) === 0) break;
    }
  }
}
