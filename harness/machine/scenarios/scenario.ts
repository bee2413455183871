/**
 * A scenario as one short line of text: a heap, what is done before, and what each task and NMI
 * does. The text is part of every schedule string, so that one line is all a replay needs.
 *
 * ```
 * model/2048/irq-work/min0/part1/setup:k0k1f0/task:k2f2/task1:f1/nmi:K3F3
 *   |     |     |       |    |      |           |        |         `- every NMI, on any task
 *   |     |     |       |    |      |           |        `- a task that starts on CPU 1
 *   |     |     |       |    |      |           `- tasks are on CPU 0, 1, ... by default
 *   |     |     |       |    |      `- on CPU 0, before any schedule
 *   |     |     |       |    `- percpu partial slabs that its cache may keep
 *   |     |     |       `- empty slabs that a node keeps
 *   |     |     `- arm of deferral
 *   |     `- bytes of an object: kmalloc's, or those of the scenario's own cache
 *   `- build
 * ```
 * `nmi1:` is for NMIs on task 1 alone. Further words: `rt`, `nocmpxchg`, `cpus3`, `pages2` (that
 * many pages are free when it begins), `kib448` (the memory has so many KiB, a multiple of 64;
 * 2048 otherwise), `sleepy` (spin loops are run to their ends, so that who waits for a lock
 * sleeps).
 *
 * A program is a row of letters, each with the number of a slot: `k` kmalloc, `z` kzalloc, `f`
 * kfree, `c` kmem_cache_alloc, `x` kmem_cache_free; capitals are their nolock twins (`z` has none).
 * `l` kmalloc of whole pages, `r` kfree_rcu. `p` poll, `b` defer_free_barrier, `s`
 * kmem_cache_shrink, `w` synchronize_rcu stand alone. `d1` reaps the CPU of task 1 once that died;
 * it is skipped if task 1 comes to its end. Where there is a `d`, only tasks named by one may die.
 */
import { DEFER_ARMS, type DeferArm } from "../../heap/constants.js";
import type { MachineBuild } from "../core/module.js";
import { SLOTS_MAX } from "../core/program.js";

export interface Step {
  readonly letter: string;
  readonly slot: number;
}

export interface ScenarioTask {
  readonly cpu: number;
  readonly program: readonly Step[];
}

export interface Scenario {
  readonly build: MachineBuild;
  readonly bytes: number;
  readonly arm: DeferArm;
  readonly minPartial: number;
  readonly cpuPartial: number;
  readonly rt: boolean;
  readonly noCmpxchg: boolean;
  readonly sleepy: boolean;
  readonly cpus: number;
  /** Free pages at the start; -1: as many as there are. */
  readonly pages: number;
  /** KiB of the memory. */
  readonly kib: number;
  readonly setup: readonly Step[];
  readonly tasks: readonly ScenarioTask[];
  readonly handler: readonly Step[];
  /** The one task that gets NMIs; -1: all. */
  readonly handlerOn: number;
}

/** Thrown for a text that is no scenario. */
export class ScenarioError extends Error {}

const MEMORY_KIB = 2048;
const WITH_SLOT = "kKzfFcCxXlrd";
/** Its number is that of a task. */
const REAP = "d";
const ALONE = "pbsw";

/** @throws ScenarioError */
export function parseScenario(text: string): Scenario {
  const words = text.split("/");
  const known = new Map<string, string>();
  const tasks: ScenarioTask[] = [];
  let build: MachineBuild = "model";
  let arm: DeferArm = "irq-work";
  let bytes = 64;
  let handlerOn = -1;
  const flags = new Set<string>();
  for (const word of words) {
    const [, name = "", digits = "", program] = /^([a-z]+)(\d*):(.*)$/.exec(word) ?? [];
    if (program !== undefined && name === "task") {
      const cpu = digits === "" ? tasks.length : Number(digits);
      tasks.push({ cpu, program: parseProgram(program) });
    } else if (program !== undefined) {
      known.set(name, program);
      if (name === "nmi") handlerOn = digits === "" ? -1 : Number(digits);
    } else if (word === "model" || word === "release") build = word;
    else if ((DEFER_ARMS as readonly string[]).includes(word)) arm = word as DeferArm;
    else if (/^\d+$/.test(word)) bytes = Number(word);
    else if (/^(rt|nocmpxchg|sleepy)$/.test(word)) flags.add(word);
    else {
      const [, key, value = ""] = /^(min|part|cpus|pages|kib)(\d+)$/.exec(word) ?? [];
      if (key === undefined) throw new ScenarioError(`expected a word of a scenario, got ${word}`);
      known.set(key, value);
    }
  }
  const number = (key: string, otherwise: number) => Number(known.get(key) ?? otherwise);
  checkReaps(tasks, [known.get("setup") ?? "", known.get("nmi") ?? ""]);
  const least = Math.max(1, ...tasks.map(({ cpu }) => cpu + 1));
  return {
    ...{ build, bytes, arm, tasks, handlerOn },
    minPartial: number("min", 0),
    cpuPartial: number("part", 1),
    rt: flags.has("rt"),
    noCmpxchg: flags.has("nocmpxchg"),
    sleepy: flags.has("sleepy"),
    cpus: Math.max(least, number("cpus", least)),
    pages: number("pages", -1),
    kib: Math.ceil(number("kib", MEMORY_KIB) / 64) * 64,
    setup: parseProgram(known.get("setup") ?? ""),
    handler: parseProgram(known.get("nmi") ?? ""),
  };
}

/** @throws ScenarioError unless each `d` is a step of a task, and of another than it names */
function checkReaps(tasks: readonly ScenarioTask[], others: readonly string[]): void {
  for (const [at, { program }] of tasks.entries()) {
    for (const { letter, slot } of program) {
      if (letter !== REAP || (slot !== at && slot < tasks.length)) continue;
      throw new ScenarioError(`expected d with the number of another task, got d${slot}`);
    }
  }
  const wrong = others.find((text) => text.includes(REAP));
  if (wrong !== undefined) {
    throw new ScenarioError(`expected d in tasks only, got it in ${wrong}`);
  }
}

/** Whether a task is there to be killed and reaped; without any such, all are. */
export function mayDie({ tasks }: Scenario, task: number): boolean {
  const reaped = tasks.flatMap(({ program }) => program.filter(({ letter }) => letter === REAP));
  return reaped.length === 0 || reaped.some(({ slot }) => slot === task);
}

export function formatScenario(scenario: Scenario): string {
  const { build, bytes, arm, minPartial, cpuPartial, rt, noCmpxchg, cpus, pages, kib } = scenario;
  const on = scenario.handlerOn < 0 ? "" : `${scenario.handlerOn}`;
  const programs = scenario.tasks.map(({ cpu, program }) => `task${cpu}:${formatProgram(program)}`);
  return [
    ...[build, `${bytes}`, arm, `min${minPartial}`, `part${cpuPartial}`],
    ...(rt ? ["rt"] : []),
    ...(noCmpxchg ? ["nocmpxchg"] : []),
    ...(scenario.sleepy ? ["sleepy"] : []),
    ...[`cpus${cpus}`],
    ...(pages < 0 ? [] : [`pages${pages}`]),
    ...(kib === MEMORY_KIB ? [] : [`kib${kib}`]),
    ...(scenario.setup.length === 0 ? [] : [`setup:${formatProgram(scenario.setup)}`]),
    ...programs,
    ...(scenario.handler.length === 0 ? [] : [`nmi${on}:${formatProgram(scenario.handler)}`]),
  ].join("/");
}

function parseProgram(text: string): Step[] {
  const steps: Step[] = [];
  for (const [whole, letter = "", slot = ""] of text.matchAll(/([a-zA-Z])([0-9]*)|./g)) {
    const isRight =
      slot === ""
        ? letter !== "" && ALONE.includes(letter)
        : WITH_SLOT.includes(letter) && Number(slot) < SLOTS_MAX;
    if (!isRight) throw new ScenarioError(`expected a step of a program, got ${whole} in ${text}`);
    steps.push({ letter, slot: slot === "" ? -1 : Number(slot) });
  }
  return steps;
}

export function formatProgram(steps: readonly Step[]): string {
  return steps.map(({ letter, slot }) => `${letter}${slot < 0 ? "" : slot}`).join("");
}

/**
 * Whether tasks and handlers pass objects through slots, which are no memory: what conflicts
 * through them cannot be learned from accesses.
 */
export function sharesSlots({ tasks, handler }: Scenario): boolean {
  const uses = [...tasks.map(({ program }) => program), handler].map(slotsOf);
  const fromOutside = slotsOf(handler);
  const inSetup = [...fromOutside].some((slot) => slot >= 0 && isTaken(handler, slot));
  const all = uses.flatMap((slots) => [...slots]);
  return new Set(all).size !== all.length || (inSetup && tasks.length > 1);
}

/** Slots that a program names. */
export function slotsOf(steps: readonly Step[]): Set<number> {
  const named = steps.filter(({ letter, slot }) => slot >= 0 && letter !== REAP);
  return new Set(named.map(({ slot }) => slot));
}

/** Whether a program frees what it did not allocate itself. */
export function isTaken(steps: readonly Step[], slot: number): boolean {
  const [first] = steps.filter((step) => step.slot === slot);
  return first !== undefined && "fFxXr".includes(first.letter);
}

/** Whether a CPU has several tasks: which of them runs is no conflict of accesses. */
export function sharesCpus({ tasks }: Scenario): boolean {
  return new Set(tasks.map(({ cpu }) => cpu)).size < tasks.length;
}
