/** The heap of a scenario, its machine and its judges, ready for any number of schedules. */
import { armNumbers, FLOOR_ARM } from "../../heap/arms.js";
import {
  DRAIN_DEPTH,
  HEAP_FAILSLAB,
  HEAP_NO_CMPXCHG,
  HEAP_RANDOMIZE,
  HEAP_RT,
  HEAP_SHEAVES,
} from "../../heap/constants.js";
import { type FieldTable, readFieldTable } from "../../heap/fields.js";
import { HeapView } from "../../heap/view.js";
import { STACK_BYTES } from "../core/fibre.js";
import { Machine } from "../core/machine.js";
import { type MachineModule, loadMachineModule } from "../core/module.js";
import { type Operation, SLOTS_MAX, type Task, operation } from "../core/program.js";
import { acceptRaces } from "../judges/accepted-races.js";
import { type FieldRules, watchFields } from "../judges/field-judges.js";
import { Losses } from "../judges/losses.js";
import type { Watcher } from "../core/watcher.js";
import { EnoughJudge } from "../judges/enough.js";
import { NolockJudge } from "../judges/nolock.js";
import { Ownership } from "../judges/ownership.js";
import { Quiescence } from "../judges/quiescence.js";
import { RACE_FIBRES_MAX, RaceDetector } from "../judges/races.js";
import { ResultJudge } from "../judges/results.js";
import { OperationMaker, type Step, nameAddress, slotsOf, writeNames } from "./letters.js";
import type { Scenario, ScenarioFlag, ScenarioTask } from "./scenario.js";
import { ScenarioError, isTaken, mayDie, sharesCpus } from "./scenario.js";

const KIB = 1024;
const MIB = 2 ** 20;
const PAGE = 4096;
const WASM_PAGE = 65536;
/** Room for the caches of memory control groups, too; a heap that is made anew has the fewest. */
const MAX_CACHES = 32;
const MAX_CACHES_COLD = 14;
const HEAP_OPTIONS: readonly (readonly [ScenarioFlag, number])[] = [
  ["rt", HEAP_RT],
  ["nocmpxchg", HEAP_NO_CMPXCHG],
  ["random", HEAP_RANDOMIZE],
];
const CACHE_FLAGS: readonly (readonly [ScenarioFlag, number])[] = [
  ["account", 4],
  ["typesafe", 8],
];
const LOCK_BOUNDED = 1;
const LOCK_WAIT = 2;
/** Letters with which a task is another CPU afterwards, meanwhile, or none. */
const COMES_AND_GOES = "hHT";
/** Accesses that no nolock call of a tiny heap needs more of. */
export const NOLOCK_STEPS_MAX = 3000;
/** A recovery waits for nobody for ever. */
const PATIENT = /^cpu_reap/;
/**
 * Objects that a drain of what waited for a grace period frees at once
 * (assembly/slab/rcu_serve.ts).
 */
const RCU_CHUNK = 16;

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

/** @throws ScenarioError if there can be no such heap, such as one larger than its memory */
export function stageOf(scenario: Scenario, module: MachineModule): Stage {
  try {
    return setUp(scenario, module);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ScenarioError(
      `expected a scenario that can be set up, got one where: ${error.message}`,
    );
  }
}

function setUp(scenario: Scenario, module: MachineModule): Stage {
  const fibres = Math.max(scenario.cpus, scenario.tasks.length);
  const pages = (scenario.kib * KIB) / WASM_PAGE;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const stacks = PAGE;
  const call_ctor = () => Number(scenario.flags.has("badctor"));
  const host = { call_ctor, call_trace: () => {}, call_lockdep: () => {} };
  const wasmPages = (scenario.startMib * MIB) / WASM_PAGE;
  const wasmPagesMax = (scenario.limitMib * MIB) / WASM_PAGE;
  const options = { fibres, stacks, wasmPages, wasmPagesMax, patient: PATIENT, imports: { host } };
  const machine = new Machine(module, memory, options);
  // The guard page above it ends where a wasm page does.
  const used = stacks + fibres * STACK_BYTES + PAGE;
  const reserve = Math.ceil(used / WASM_PAGE) * WASM_PAGE - PAGE;
  const table = readFieldTable(module.module);
  const boot = bootArguments(machine, scenario, reserve);
  const base = machine.callFreely(0, "heap_init", ...boot) >>> 0;
  if (base === 0) throw new RangeError("expected the heap's tables to fit the memory");
  // Every instance has a CPU of its own to attach to; a task may then run on another's.
  const areas = Array.from({ length: fibres }, (_, cpu) => attach(machine, base, cpu, scenario));
  const view = new HeapView(memory, table, base);
  writeNames(machine.words);
  const cache = makeCache(machine, scenario, view, table);
  if (scenario.pages >= 0) takePages(machine, view, scenario.pages);

  const accepts = acceptRaces(machine, view);
  const races =
    fibres > 1 && fibres <= RACE_FIBRES_MAX ? new RaceDetector(machine, accepts) : undefined;
  const ownership = new Ownership(machine, races);
  const nolock = new NolockJudge(machine, NOLOCK_STEPS_MAX, scenario.arm === FLOOR_ARM);
  const maker = new OperationMaker();
  const cpus = scenario.tasks.map(({ cpu }) => cpu);
  const around = { cache, bytes: scenario.bytes, heapBase: base, cpus };
  for (const { cpu, program } of scenario.setup) {
    for (const step of program)
      runNow(machine, cpu, maker.make(step, { ...around, cpu, fibre: 0 }), ownership);
  }
  if (scenario.fail >= 0) makeFail(machine, base, scenario.fail);
  const isCold = scenario.flags.has("cold");
  const tasks = scenario.tasks.map((_, fibre) => {
    const make = (step: Step, cpu: number) => maker.make(step, { ...around, cpu, fibre });
    return taskOf(scenario, fibre, boot, base, make);
  });
  const each = usesRcu(scenario) ? RCU_CHUNK : 1;
  const drainsOf = (cpu: number) =>
    each * (view.cpu(cpu).drains & DRAIN_DEPTH) + sheafLosses(view, cpu, scenario);
  const losses = new Losses(module.table.sites, drainsOf);
  const quiescence = new Quiescence(machine, view, ownership, losses);
  const fields = watchFields(machine, view, ownership, rulesOf(scenario));
  const results = resultJudges(machine, scenario);
  // What the judges of fields know is the heap that is there now, and no other.
  const makesHeap = tasks.some((task) => task.operations.some(({ call }) => call === "heap_init"));
  const grows = scenario.startMib * KIB < scenario.kib;
  machine.watchers = [
    ...[nolock, ownership, losses, ...results],
    ...(makesHeap || grows ? [] : [fields]),
    ...(races === undefined ? [] : [races]),
  ];
  const counts = areas
    .slice(0, scenario.cpus)
    .map((area) => area + table.offsets.cpu_area.preempt_count);
  // The n-th allocation of the schedule, whatever the setup took.
  for (const area of areas) machine.words[(area + table.offsets.cpu_area.fail_seen) >>> 2] = 0;
  quiescence.settle();
  if (isCold) machine.wipe(reserve);
  if (scenario.flags.has("hole")) machine.growth.grow(1);
  machine.settle(isCold ? areas.map(() => 0) : areas, counts);
  return { scenario, machine, view, tasks, nolock, ownership, losses, quiescence };
}

/** What one task does; where there is no heap yet, it first makes it, with `boot`. */
function taskOf(
  scenario: Scenario,
  fibre: number,
  boot: readonly number[],
  base: number,
  make: (step: Step, cpu: number) => Operation,
): Task {
  const { cpu, program } = scenario.tasks[fibre] as ScenarioTask;
  const isCold = scenario.flags.has("cold");
  const handler = handlerOf(scenario, fibre).map((step) => make(step, cpu));
  const nmi = [operation("nmi_enter"), ...handler, operation("nmi_exit")];
  const arrival = isCold
    ? [operation("heap_init", ...boot), operation("cpu_attach", base, cpu, LOCK_WAIT)]
    : [];
  return {
    cpu,
    operations: [...arrival, ...program.map((step) => make(step, cpu))],
    handler: handler.length === 0 ? [] : nmi,
    comesAndGoes: isCold || program.some(({ letter }) => COMES_AND_GOES.includes(letter)),
    mayDie: mayDie(scenario, fibre),
  };
}

/** Who judges what calls return. */
function resultJudges(machine: Machine, { flags }: Scenario): Watcher[] {
  const judge = new ResultJudge(machine);
  return flags.has("enough") ? [judge, new EnoughJudge(machine)] : [judge];
}

/** What the judges of fields have to know. */
function rulesOf(scenario: Scenario): FieldRules {
  const { flags, fail, handler } = scenario;
  const refusing = ["rt", "nocmpxchg", "badctor"] as const;
  return {
    rt: flags.has("rt"),
    mayRefuse: fail >= 0 || refusing.some((flag) => flags.has(flag)),
    losesCounts: handler.length > 0 || sharesCpus(scenario),
  };
}

/** The handler of a fibre: slots that only handlers use are each fibre's own. */
function handlerOf({ handler, handlerOn, tasks }: Scenario, fibre: number): Step[] {
  if (handlerOn >= 0 && handlerOn !== fibre) return [];
  const named = new Set(tasks.flatMap(({ program }) => program.flatMap(slotsOf)));
  return handler.map((step) => {
    const isOwn = step.slot >= 0 && !named.has(step.slot) && !isTaken(handler, step.slot);
    return isOwn ? { ...step, slot: step.slot + SLOTS_MAX * (fibre + 1) } : step;
  });
}

function bootArguments(machine: Machine, scenario: Scenario, reserve: number): number[] {
  const { flags, fail, nodes, kib } = scenario;
  const arm = armNumbers(scenario.arm);
  const sheaves = scenario.sheafCapacity > 0 ? HEAP_SHEAVES : 0;
  const options = bitsOf(HEAP_OPTIONS, flags) | (fail >= 0 ? HEAP_FAILSLAB : 0) | sheaves;
  const caches = flags.has("cold") ? MAX_CACHES_COLD : MAX_CACHES;
  return [reserve, (kib * KIB) / PAGE, machine.fibres.length, nodes, caches, ...arm, options, 1];
}

function bitsOf(
  bits: readonly (readonly [ScenarioFlag, number])[],
  flags: ReadonlySet<ScenarioFlag>,
): number {
  return bits.reduce((sum, [flag, bit]) => sum | (flags.has(flag) ? bit : 0), 0);
}

/** @param nth of each CPU's allocations; 0: every second */
function makeFail(machine: Machine, base: number, nth: number): void {
  machine.callFreely(0, "set_failslab", base, nth === 0 ? -1 : 0, nth === 0 ? 2 : 0, nth);
}

function attach(machine: Machine, base: number, cpu: number, { flags }: Scenario): number {
  const mode = flags.has("bounded") ? LOCK_BOUNDED : LOCK_WAIT;
  machine.callFreely(cpu, "cpu_attach", base, cpu, mode);
  return machine.fibres[cpu]?.register ?? 0;
}

/** Makes the scenario's own cache, with the limits it asks for. @returns its address */
function makeCache(
  machine: Machine,
  scenario: Scenario,
  view: HeapView,
  table: FieldTable,
): number {
  const { bytes, flags } = scenario;
  const all = [nameAddress("own"), bytes, 0, bitsOf(CACHE_FLAGS, flags)];
  const ctor = Number(flags.has("ctor") || flags.has("badctor"));
  const cache = machine.callFreely(0, "kmem_cache_create", ...all, ctor) >>> 0;
  view.refresh();
  const offsets = table.offsets.kmem_cache;
  for (const { address, object_size } of view.caches()) {
    if (object_size !== bytes) continue;
    machine.words[(address + offsets.min_partial) >>> 2] = scenario.minPartial;
    machine.words[(address + offsets.cpu_partial_slabs) >>> 2] = scenario.cpuPartial;
    const each = (address + offsets.cpu_partial) >>> 2;
    if (scenario.cpuPartial === 0) machine.words[each] = 0;
    if (scenario.sheafCapacity === 0) continue;
    machine.words[(address + offsets.sheaf_capacity) >>> 2] = scenario.sheafCapacity;
    machine.words[(address + offsets.barn_full) >>> 2] = scenario.barnFull;
    machine.words[(address + offsets.pcs_full) >>> 2] = scenario.pcsFull;
  }
  return cache;
}

/**
 * What the death of a CPU may cost that has sheaves: the memory of one, and what one has room for
 * that is being refilled or flushed, which has no size meanwhile (docs/decisions/011-sheaves.md).
 */
function sheafLosses(view: HeapView, cpu: number, { sheafCapacity }: Scenario): number {
  if (sheafCapacity === 0) return 0;
  let most = 1;
  const hands = [...view.caches()].map(({ index }) => view.cpuCache(cpu, index).sheaf_in_hand);
  for (const hand of [...hands, view.rcu(cpu).sheaf_in_hand]) {
    if (hand === 0) continue;
    const { size, capacity, bottom } = view.struct("sheaf", hand);
    // One that is out says what it had before it is filled.
    if (size === 0 || bottom !== 0) most += capacity - size;
  }
  return most;
}

/** Whether anything waits for grace periods, and is freed many at a time. */
function usesRcu({ tasks, handler, setup }: Scenario): boolean {
  const programs = [...tasks, ...setup].flatMap(({ program }) => program);
  return [...programs, ...handler].some(({ letter }) => letter === "r");
}

/** A step of the setup, before any schedule. */
function runNow(machine: Machine, cpu: number, step: Operation, ownership: Ownership): void {
  const { slots, words } = machine;
  const args = step.args.map((argument) =>
    typeof argument === "number" ? argument : (slots[argument.slot] as number),
  );
  const isFree = step.role === "free" || step.role === "realloc";
  const many = Array.from({ length: step.count > 1 ? step.count : 0 }, (_, at) => step.into + at);
  for (const [at, slot] of many.entries()) {
    if (isFree) words[(step.array >>> 2) + at] = slots[slot] as number;
    if (isFree) ownership.disownAtStart((slots[slot] as number) >>> 0);
  }
  if (isFree && many.length === 0) ownership.disownAtStart((args[step.object] as number) >>> 0);
  const result = machine.callFreely(cpu, step.call, ...args);
  for (const [at, slot] of many.entries()) {
    slots[slot] = isFree || result === 0 ? 0 : (words[(step.array >>> 2) + at] as number);
    if (slots[slot] !== 0) ownership.ownAtStart((slots[slot] as number) >>> 0, step.bytes);
  }
  if (many.length > 0) return;
  if (step.into >= 0) slots[step.into] = result;
  if (!isFree && step.bytes > 0 && result !== 0) ownership.ownAtStart(result >>> 0, step.bytes);
}

/** Allocate pages until `left` are free. */
function takePages(machine: Machine, view: HeapView, left: number): void {
  const nodes = Array.from({ length: view.header().nr_nodes }, (_, node) => node);
  const free = () => {
    view.refresh();
    return nodes.reduce((sum, node) => sum + view.zone(node).nr_free, 0);
  };
  for (let pages = 256; pages >= 1; pages >>>= 1) {
    while (free() - pages >= left) {
      if (machine.callFreely(0, "kmalloc", Math.max(8193, pages * 4096), 0) === 0) break;
    }
  }
}
