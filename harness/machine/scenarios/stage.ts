/** The heap of a scenario, its machine and its judges, ready for any number of schedules. */
import { DEFER_ARMS } from "../../heap/constants.js";
import { type FieldTable, readFieldTable } from "../../heap/fields.js";
import { HeapView } from "../../heap/view.js";
import { STACK_BYTES } from "../core/fibre.js";
import { Machine } from "../core/machine.js";
import { type MachineModule, loadMachineModule } from "../core/module.js";
import { type Operation, SLOTS_MAX, type Task, operation } from "../core/program.js";
import { Losses } from "../judges/losses.js";
import { NolockJudge } from "../judges/nolock.js";
import { Ownership } from "../judges/ownership.js";
import { Quiescence } from "../judges/quiescence.js";
import { type AcceptedRace, RACE_FIBRES_MAX, RaceDetector } from "../judges/races.js";
import { type Scenario, ScenarioError, type Step, isTaken, mayDie, slotsOf } from "./scenario.js";

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
/** Where cpu_reap() counts what it found. */
const REPORT_AT = 2048;
const REPORT_BYTES = 128;
/** Who sleeps for a while and then looks again, by itself: nobody wakes it. */
const POLLS = /\/reap\/slabs\/wait_for_claims$/;
/** Objects that a drain of what waited for a grace period frees at once (assembly/slab/rcu.ts). */
const RCU_CHUNK = 16;

/** Races that are part of the design. */
export const ACCEPTED_RACES: readonly AcceptedRace[] = [
  {
    first: /kmalloc$|alloc_from_cpu_freelist|slab_alloc|kmem_cache_alloc/,
    second: /^a user$/,
    because: "the next pointer that a pop reads counts only once its cmpxchg shows no interruption",
  },
  {
    first: /this_cpu_cmpxchg_double$/,
    second: /(kmalloc|kfree|alloc_from_cpu_freelist|free_to_cpu_slab|slab_free)$/,
    because: "a task that was moved reads its old CPU's word; its cmpxchg then shows another tid",
  },
  {
    first: /deactivate\/thaw$/,
    second: /(add_partial|pcp\/push|hand\/hold|prepare_page|thaw|defer_slab)$/,
    because: "who lets go of a thawed slab looks for its own mark, and any other store is kept",
  },
  {
    first: /^assembly\/reap\//,
    firstOnlyLooks: true,
    second: /./,
    because:
      "reaping looks at every descriptor, also at those that live CPUs change; what it acts on " +
      "it takes by a cmpxchg, which any other store undoes, or judges again under the lock",
  },
];

export interface Stage {
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly view: HeapView;
  readonly tasks: readonly Task[];
  readonly nolock: NolockJudge;
  readonly ownership: Ownership;
  readonly losses: Losses;
  readonly quiescence: Quiescence;
}

export async function makeStage(scenario: Scenario): Promise<Stage> {
  return stageOf(scenario, await loadMachineModule(scenario.build));
}

export function stageOf(scenario: Scenario, module: MachineModule): Stage {
  const fibres = Math.max(scenario.cpus, scenario.tasks.length);
  const pages = scenario.kib / 64;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const stacks = 4096;
  const host = { call_ctor: () => 0, call_trace: () => {}, call_lockdep: () => {} };
  const machine = new Machine(module, memory, { fibres, stacks, imports: { host }, polls: POLLS });
  const reserve = Math.ceil((stacks + fibres * STACK_BYTES) / 65536) * 65536;
  const table = readFieldTable(module.module);
  const base = boot(machine, scenario, reserve);
  // Every instance has a CPU of its own to attach to; a task may then run on another's.
  const areas = Array.from({ length: fibres }, (_, cpu) => attach(machine, base, cpu));
  const view = new HeapView(memory, table, base);
  const makeOperation = operationsOf(machine, scenario, view, table);
  if (scenario.pages >= 0) takePages(machine, view, scenario.pages);

  const races =
    fibres > 1 && fibres <= RACE_FIBRES_MAX ? new RaceDetector(machine, ACCEPTED_RACES) : undefined;
  const ownership = new Ownership(machine, races);
  const nolock = new NolockJudge(machine, NOLOCK_STEPS_MAX, scenario.arm === "none");
  for (const step of scenario.setup) runNow(machine, makeOperation(step), ownership);
  const tasks = scenario.tasks.map(({ cpu, program }, fibre) => ({
    cpu,
    operations: program.map((step) => withReport(makeOperation(step), fibre)),
    handler: handlerOf(scenario, fibre).map(makeOperation),
    mayDie: mayDie(scenario, fibre),
  }));
  for (const task of tasks) {
    if (task.handler.length === 0) continue;
    task.handler.unshift(operation("nmi_enter"));
    task.handler.push(operation("nmi_exit"));
  }
  const drainDepth = table.offsets.cpu_area.drain_depth;
  const each = usesRcu(scenario) ? RCU_CHUNK : 1;
  const losses = new Losses(
    module.table.sites,
    (cpu) => each * (machine.words[((areas[cpu] as number) + drainDepth) >>> 2] ?? 0),
  );
  const quiescence = new Quiescence(machine, view, ownership, losses);
  machine.watchers = [nolock, ownership, losses, ...(races === undefined ? [] : [races])];
  const counts = areas
    .slice(0, scenario.cpus)
    .map((area) => area + table.offsets.cpu_area.preempt_count);
  machine.settle(areas, counts);
  quiescence.settle();
  return { scenario, machine, view, tasks, nolock, ownership, losses, quiescence };
}

/** The handler of a fibre: slots that only handlers use are each fibre's own. */
function handlerOf({ handler, handlerOn, tasks }: Scenario, fibre: number): Step[] {
  if (handlerOn >= 0 && handlerOn !== fibre) return [];
  const named = new Set(tasks.flatMap(({ program }) => [...slotsOf(program)]));
  return handler.map((step) => {
    const isOwn = step.slot >= 0 && !named.has(step.slot) && !isTaken(handler, step.slot);
    return isOwn ? { ...step, slot: step.slot + SLOTS_MAX * (fibre + 1) } : step;
  });
}

function boot(machine: Machine, scenario: Scenario, reserve: number): number {
  const pages = scenario.kib / 4;
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
      case "d":
        return {
          ...operation(reapOf(machine), scenario.tasks[slot]?.cpu ?? 0),
          awaits: slot,
        };
      case "b":
        return operation("defer_free_barrier");
      default:
        return operation("poll");
    }
  };
}

/** Whether anything waits for grace periods, and is freed many at a time. */
function usesRcu({ tasks, handler, setup }: Scenario): boolean {
  const all = [...tasks.map(({ program }) => program), handler, setup].flat();
  return all.some(({ letter }) => letter === "r");
}

/** Everybody who reaps counts at a place of their own. */
function withReport(made: Operation, fibre: number): Operation {
  if (made.awaits < 0) return made;
  return { ...made, args: [made.args[0] ?? 0, REPORT_AT + fibre * REPORT_BYTES] };
}

/** @throws ScenarioError for a build without cpu_reap() */
function reapOf(machine: Machine): string {
  if (machine.fibres[0]?.exports.cpu_reap !== undefined) return "cpu_reap";
  throw new ScenarioError("expected a build with cpu_reap() for the step d, got one without it");
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
