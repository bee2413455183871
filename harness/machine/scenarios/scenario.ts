/**
 * A scenario as one short line of text: a heap, what is done before, and what each task and NMI
 * does. The text is part of every schedule string, so that one line is all a replay needs.
 *
 * ```
 * model/2048/irq-work/min0/part1/setup:k0k1f0/task:k2f2/task1:f1/nmi:K3F3
 *   |     |     |       |    |      |           |        |         `- every NMI, on any task
 *   |     |     |       |    |      |           |        `- a task that starts on CPU 1
 *   |     |     |       |    |      |           `- tasks are on CPU 0, 1, ... by default
 *   |     |     |       |    |      `- on CPU 0, before any schedule; `setup1:` on CPU 1
 *   |     |     |       |    `- percpu partial slabs that its cache may keep
 *   |     |     |       `- empty slabs that a node keeps
 *   |     |     `- arm of deferral
 *   |     `- bytes of an object: kmalloc's, or those of the scenario's own cache
 *   `- build
 * ```
 * `nmi1:` is for NMIs on task 1 alone. Further words, of the heap: `rt`, `nocmpxchg`, `random`
 * (shuffled freelists), `fail3` (each CPU's third allocation fails; `fail0`: every second),
 * `sheaf2` (sheaves as the per-CPU layer, of so many objects in its cache), `barn1` (full ones that
 * a barn keeps), `stack1` (full ones that a CPU keeps below its main one), `cpus3`, `nodes2`,
 * `pages2` (that many pages are free when it begins), `mib8` or `kib448` (the memory, a multiple of
 * 64 KiB, else 2 MiB), `start1` (the MiB it has at first: it
 * grows), `limit1` (to no more than that, although its heap may), `hole` (another module grew it
 * for itself), `cold` (there is no heap: each task makes or finds it, and becomes a CPU). Of the
 * CPUs: `bounded` (they may not sleep), `sleepy` (spin loops are run to their ends, so that who
 * waits for a lock sleeps), `timeouts` (who sleeps for a time wakes when nobody else can go on:
 * without it that is a lost wakeup). Of its own cache: `ctor`, `badctor` (a constructor, one that
 * throws), `account`, `typesafe` (SLAB_ACCOUNT, SLAB_TYPESAFE_BY_RCU). With `enough`, what is free
 * is enough for all tasks: no ordinary allocation may return 0, and the memory may not grow.
 *
 * A program is a row of letters, each with the number of a slot: `k` kmalloc, `z` kzalloc, `f`
 * kfree, `c` kmem_cache_alloc, `x` kmem_cache_free; capitals are their nolock twins (`z` has
 * none). `a` and `A` are charged kmallocs, `n` and `N` prefer node 1. `l` kmalloc of whole
 * pages, `g` of a block of 32, `m` of a run of blocks (`mib16`), `q` kcalloc, `y`
 * aligned_alloc, `u` krealloc to twice the size, `v` to half, zeroed; `r` kfree_rcu, `j`
 * kfree_checked, `J` its nolock twin. `B` and `U` are bulk calls on the cache for three slots,
 * `V` is a checked bulk free.
 *
 * Alone stand `p` poll, `b` defer_free_barrier, `s` kmem_cache_shrink, `w` synchronize_rcu, `W`
 * rcu_barrier, `i` and `o` rcu_read_lock and _unlock, `d` a kmem_cache_destroy that must succeed,
 * `h` cpu_offline, `H` cpu_attach. `D1` reaps the CPU of task 1 once that died; it is skipped if
 * task 1 comes to its end. `E1` says that it is dead, if it is by then; `e1` waits for that as `D1`
 * does. `T1` is for a task that is no CPU (`setup2:h`): as the CPU of task 1 it recovers that, and
 * all of which it was said. `G21` says that task 2 is gone, if it is by then, which did so. Where
 * there is any of them, only tasks named by one may die.
 *
 * Any other call is `.name:argument:argument.`, with a slot behind it for
 * its result: arguments are numbers, `s3` what is in slot 3, `cache`, `bytes`, `base`, `cpu`,
 * `any`, and `own`, `two`, `grp`, addresses of these names.
 */
import { DEFER_ARMS, type DeferArm, MERGED_ARM } from "../../heap/arms.js";
import type { MachineBuild } from "../core/module.js";
import { SLOTS_MAX } from "../core/program.js";
import { LETTERS, type Step, isArgument, slotsOf, standsAlone } from "./letters.js";
import { takes, tasksOf } from "./letters.js";
import { type LimitName, outOfRange } from "./limits.js";

/** What one CPU does. */
export interface ScenarioTask {
  readonly cpu: number;
  readonly program: readonly Step[];
}

/** Words that say yes to something. */
const FLAGS = [
  ...(["rt", "nocmpxchg", "random", "cold", "hole", "bounded", "sleepy", "timeouts"] as const),
  ...(["ctor", "badctor", "account", "typesafe", "enough"] as const),
] as const;
export type ScenarioFlag = (typeof FLAGS)[number];

export interface Scenario {
  readonly build: MachineBuild;
  readonly bytes: number;
  readonly arm: DeferArm;
  readonly minPartial: number;
  readonly cpuPartial: number;
  /** Objects in a sheaf of its cache; 0: the heap has none. Full sheaves that a barn keeps. */
  readonly sheafCapacity: number;
  readonly barnFull: number;
  /** Full sheaves that a CPU keeps below its main one. */
  readonly pcsFull: number;
  readonly flags: ReadonlySet<ScenarioFlag>;
  /** Spin loops are run to their ends. */
  readonly sleepy: boolean;
  readonly cpus: number;
  readonly nodes: number;
  /** Free pages at the start; -1: as many as there are. */
  readonly pages: number;
  /** KiB of the memory; MiB that it has at first, and that it can grow to. */
  readonly kib: number;
  readonly startMib: number;
  readonly limitMib: number;
  /** The allocation of each CPU that fails; 0: every second; -1: none. */
  readonly fail: number;
  /** In this order. */
  readonly setup: readonly ScenarioTask[];
  readonly tasks: readonly ScenarioTask[];
  readonly handler: readonly Step[];
  /** The one task that gets NMIs; -1: all. */
  readonly handlerOn: number;
}

/** Thrown for a text that is no scenario. */
export class ScenarioError extends Error {}

const KIB_DEFAULT = 2048;
const NUMBERS = /^(min|part|sheaf|barn|stack|cpus|nodes|pages|mib|kib|start|limit|fail)(\d+)$/;
/** Steps whose number is that of a task. */
const REAPS = "DEeTG";

/** @throws ScenarioError */
export function parseScenario(text: string): Scenario {
  const numbers = new Map<string, number>();
  const tasks: ScenarioTask[] = [];
  const setup: ScenarioTask[] = [];
  let handler: Step[] = [];
  let build: MachineBuild = "model";
  let arm = MERGED_ARM;
  let bytes = 64;
  let handlerOn = -1;
  const flags = new Set<ScenarioFlag>();
  for (const word of text.split("/")) {
    const [, name = "", digits = "", program] = /^([a-z]+)(\d*):(.*)$/.exec(word) ?? [];
    if (program !== undefined && name === "task") {
      const cpu = digits === "" ? tasks.length : inRange("cpu", digits);
      tasks.push({ cpu, program: parseProgram(program) });
    } else if (program !== undefined && name === "setup") {
      setup.push({ cpu: inRange("cpu", digits || "0"), program: parseProgram(program) });
    } else if (program !== undefined && name === "nmi") {
      handler = parseProgram(program);
      handlerOn = digits === "" ? -1 : inRange("nmi", digits);
    } else if (word === "model" || word === "release") build = word;
    else if ((DEFER_ARMS as readonly string[]).includes(word)) arm = word as DeferArm;
    else if (/^\d+$/.test(word)) bytes = inRange("bytes", word);
    else if ((FLAGS as readonly string[]).includes(word)) flags.add(word as ScenarioFlag);
    else {
      const [, key, value] = NUMBERS.exec(word) ?? [];
      if (key === undefined) throw new ScenarioError(`expected a word of a scenario, got ${word}`);
      numbers.set(key, inRange(key as LimitName, value ?? ""));
    }
  }
  const number = (key: string, otherwise: number) => numbers.get(key) ?? otherwise;
  if (handlerOn >= Math.max(1, tasks.length)) {
    throw new ScenarioError(`expected NMIs on one of ${tasks.length} tasks, got nmi${handlerOn}`);
  }
  inRange("tasks", `${tasks.length}`);
  checkReaps(tasks, [...setup.map(({ program }) => program), handler]);
  const least = Math.max(1, ...[...tasks, ...setup].map(({ cpu }) => cpu + 1));
  const kib = Math.ceil(number("kib", number("mib", KIB_DEFAULT / 1024) * 1024) / 64) * 64;
  return {
    ...{ build, bytes, arm, tasks, setup, handler, handlerOn, flags, kib },
    sleepy: flags.has("sleepy"),
    minPartial: number("min", 0),
    cpuPartial: number("part", 1),
    sheafCapacity: number("sheaf", 0),
    barnFull: number("barn", 1),
    pcsFull: number("stack", 1),
    cpus: Math.max(least, number("cpus", least)),
    nodes: number("nodes", 1),
    pages: number("pages", -1),
    startMib: number("start", kib / 1024),
    limitMib: number("limit", kib / 1024),
    fail: number("fail", -1),
  };
}

/** @throws ScenarioError for a number that cannot be */
function inRange(name: LimitName, digits: string): number {
  const value = Number(digits);
  const wrong = outOfRange(name, value);
  if (wrong !== null) throw new ScenarioError(wrong);
  return value;
}

/** @throws ScenarioError unless each step that names a task names another than its own */
function checkReaps(tasks: readonly ScenarioTask[], others: readonly (readonly Step[])[]): void {
  for (const [at, { program }] of tasks.entries()) {
    for (const step of program) {
      const { letter, slot } = step;
      if (!REAPS.includes(letter)) continue;
      if (tasksOf(step).every((task) => task !== at && task < tasks.length)) continue;
      throw new ScenarioError(
        `expected ${letter} with the number of another task, got ${letter}${slot}`,
      );
    }
  }
  const wrong = others.find((steps) => steps.some(({ letter }) => REAPS.includes(letter)));
  if (wrong !== undefined) {
    throw new ScenarioError(`expected D, E, e, T or G in tasks only, got ${formatProgram(wrong)}`);
  }
}

/** Whether a task is there to die and be reaped; without any such, all are. */
export function mayDie({ tasks }: Scenario, task: number): boolean {
  const reaped = tasks.flatMap(({ program }) =>
    program.filter(({ letter }) => REAPS.includes(letter)),
  );
  return reaped.length === 0 || reaped.some((step) => tasksOf(step)[0] === task);
}

export function formatScenario(scenario: Scenario): string {
  const { build, bytes, arm, minPartial, cpuPartial, cpus, nodes, pages, kib } = scenario;
  const { startMib, limitMib, fail, setup, tasks, handler, flags } = scenario;
  const programs = (name: string, all: readonly ScenarioTask[]) =>
    all.map(({ cpu, program }) => `${name}${cpu}:${formatProgram(program)}`);
  const unless = (otherwise: number, value: number, name: string) =>
    value === otherwise ? [] : [`${name}${value}`];
  const memory = kib % 1024 === 0 ? `mib${kib / 1024}` : `kib${kib}`;
  const on = scenario.handlerOn < 0 ? "" : `${scenario.handlerOn}`;
  return [
    ...[build, `${bytes}`, arm, `min${minPartial}`, `part${cpuPartial}`],
    ...unless(0, scenario.sheafCapacity, "sheaf"),
    ...unless(1, scenario.barnFull, "barn"),
    ...unless(1, scenario.pcsFull, "stack"),
    ...FLAGS.filter((flag) => flags.has(flag)),
    `cpus${cpus}`,
    ...unless(1, nodes, "nodes"),
    ...unless(-1, pages, "pages"),
    ...(kib === KIB_DEFAULT ? [] : [memory]),
    ...unless(kib / 1024, startMib, "start"),
    ...unless(kib / 1024, limitMib, "limit"),
    ...unless(-1, fail, "fail"),
    ...programs("setup", setup),
    ...programs("task", tasks),
    ...(handler.length === 0 ? [] : [`nmi${on}:${formatProgram(handler)}`]),
  ].join("/");
}

const STEP = /\.([a-z_]+)((?::[a-z0-9]+)*)\.([0-9]*)|([a-zA-Z])([0-9]*)|./g;

function parseProgram(text: string): Step[] {
  const steps: Step[] = [];
  for (const [whole, call, args = "", into = "", letter = "", digits = ""] of text.matchAll(STEP)) {
    const number = call === undefined ? digits : into;
    const slot = number === "" ? -1 : Number(number);
    const words = call === undefined ? [] : [call, ...args.split(":").slice(1)];
    const isRight =
      slot < SLOTS_MAX &&
      (call === undefined
        ? letter in LETTERS && slot < 0 === standsAlone(letter)
        : words.slice(1).every(isArgument));
    if (!isRight) throw new ScenarioError(`expected a step of a program, got ${whole} in ${text}`);
    steps.push(call === undefined ? { letter, slot } : { letter: ".", slot, words });
  }
  return steps;
}

export function formatProgram(steps: readonly Step[]): string {
  return steps
    .map(({ letter, slot, words }) => {
      const number = slot < 0 ? "" : `${slot}`;
      return words === undefined ? `${letter}${number}` : `.${words.join(":")}.${number}`;
    })
    .join("");
}

/**
 * Whether tasks and handlers pass objects through slots, which are no memory: what conflicts
 * through them cannot be learned from accesses.
 */
export function sharesSlots({ tasks, handler }: Scenario): boolean {
  const uses = [...tasks.map(({ program }) => program), handler].map(slotsIn);
  const fromOutside = slotsIn(handler);
  const inSetup = [...fromOutside].some((slot) => isTaken(handler, slot));
  const all = uses.flatMap((slots) => [...slots]);
  return new Set(all).size !== all.length || (inSetup && tasks.length > 1);
}

function slotsIn(steps: readonly Step[]): Set<number> {
  return new Set(steps.flatMap(slotsOf));
}

/** Whether a program frees what it did not allocate itself. */
export function isTaken(steps: readonly Step[], slot: number): boolean {
  const first = steps.find((step) => slotsOf(step).includes(slot));
  return first !== undefined && takes(first);
}

/** Whether a CPU has several tasks: which of them runs is no conflict of accesses. */
export function sharesCpus({ tasks }: Scenario): boolean {
  return new Set(tasks.map(({ cpu }) => cpu)).size < tasks.length;
}
