/**
 * A campaign: every mutant is built and hunted, by one hunter after the other, until one kills it.
 *
 * Some mutants are hunted side by side, each with a process that builds and one that hunts. A hunt
 * that does not come back is ended, and counts: an allocator that does not return is as dead as
 * one that traps.
 */
import { Child, NoAnswerError } from "./child.js";
import type { HuntResult, Hunter } from "./hunter.js";
import { orderFor } from "./hunters.js";
import type { Edit, Mutant } from "./mutant.js";
import type { Answer, Build, HuntOrder } from "./child-protocol.js";

/** Longer than any build takes on a machine that does other things too. */
const BUILD_TIMEOUT_MS = 180_000;
/** Longer than a sound allocator needs to end what it began, on a machine as busy. */
const GRACE_MS = 20_000;

export interface CampaignOptions {
  readonly root: string;
  readonly mutants: readonly Mutant[];
  readonly hunters: readonly Hunter[];
  /** Mutants that are hunted at the same time. */
  readonly jobs: number;
  /** Milliseconds that each hunter gets for each mutant. */
  readonly budgetMs: number;
  readonly seed: number;
  /**
   * Milliseconds beyond its budget after which a hunt counts as endless.
   * @default 20000
   */
  readonly graceMs?: number;
  /**
   * A process that has built before builds five times as fast. It is asked for one build at a time,
   * so `jobs` must be 1, and whoever started it ends it.
   * @default a process of its own for each job
   */
  readonly builder?: Child;
  readonly signal?: AbortSignal;
  /** Told when a mutant's turn comes and when it is over. */
  readonly onProgress?: (done: number, name: string) => void;
}

/** What became of a mutant. */
export interface Fate {
  readonly mutant: Mutant;
  /** The hunter that killed it, or null. */
  readonly by: string | null;
  /** What it found; of a survivor, why it is believed to live. */
  readonly what: string;
  /** What the killer tried until then; of a survivor, what all tried together. */
  readonly schedules: number;
  readonly seconds: number;
}

export interface MutantsResults {
  /** In the order of the mutants; fewer if interrupted. */
  readonly fates: readonly Fate[];
  readonly interrupted: boolean;
}

/** Hunt all, or those that were over when `signal` came. */
export async function runMutants(options: CampaignOptions): Promise<MutantsResults> {
  const { mutants, jobs, signal } = options;
  const fates = new Map<Mutant, Fate>();
  const survived: Survivals = new Map();
  const queue = [...mutants];
  const work = async () => {
    const builder = options.builder ?? new Child(options.root);
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (signal?.aborted === true) return;
        options.onProgress?.(fates.size, next.name);
        fates.set(next, await huntOne(next, builder, options, survived));
        options.onProgress?.(fates.size, next.name);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      if (builder !== options.builder) builder.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, mutants.length) }, work));
  const ended = mutants.flatMap((mutant) => fates.get(mutant) ?? []);
  return { fates: ended, interrupted: signal?.aborted === true };
}

async function huntOne(
  mutant: Mutant,
  builder: Child,
  options: CampaignOptions,
  survived: Survivals,
): Promise<Fate> {
  const party = new Child(options.root);
  const builds = new Map<string, Build>();
  let schedules = 0;
  let seconds = 0;
  try {
    for (const hunter of orderFor(mutant, options.hunters)) {
      const target = hunter.targetOf(mutant);
      if (target === null) continue;
      const made = builds.get(target) ?? (await build(mutant, target, builder, options));
      builds.set(target, made);
      const { name, tests, shapes } = mutant;
      const prey = { ...made, name, target, tests, shapes };
      const result = await hunt(hunter, prey, party, options);
      if (result.killed) {
        if (hunter.asksOriginal === true) {
          const key = [hunter.name, target, ...tests].join(" ");
          const hunted = survived.get(key) ?? huntOriginal(hunter, prey, builder, options);
          survived.set(key, hunted);
          await hunted;
        }
        const { what, schedules: tried, seconds: took } = result;
        return { mutant, by: hunter.name, what, schedules: tried, seconds: took };
      }
      schedules += result.schedules;
      seconds += result.seconds;
    }
  } finally {
    party.end();
  }
  const why = mutant.why ?? "nobody knows; a hunter is missing, or it changes nothing";
  return { mutant, by: null, what: why, schedules, seconds };
}

/** Hunts of the original, by hunter, target and tests: each is made once. */
type Survivals = Map<string, Promise<void>>;

/** The same hunt on the allocator as it is. @throws Error if that is killed, too */
async function huntOriginal(
  hunter: Hunter,
  prey: HuntOrder["prey"],
  builder: Child,
  options: CampaignOptions,
): Promise<void> {
  const { name, target, tests, shapes } = prey;
  const party = new Child(options.root);
  try {
    const made = await build(original(tests), target, builder, options);
    const order = { ...made, name: "original", target, tests, shapes };
    const { killed, what } = await hunt(hunter, order, party, options);
    if (!killed) return;
    throw new Error(
      `${hunter.name}: expected the allocator as it is to survive what killed ${name}, got ` +
        `"${what}" on both (${target}; ${tests.join(", ")}); try to mend that first`,
    );
  } finally {
    party.end();
  }
}

/** The allocator as it is: what no hunter may kill. */
export function original(tests: readonly string[] = []): Mutant {
  const nothing = { name: "original", group: "none", file: "index.ts", find: "", replace: "" };
  return {
    ...nothing,
    origin: "ours",
    what: "nothing",
    target: "stats",
    tests: [...tests],
    shapes: [],
  };
}

/** Build a mutant, or the original. */
async function build(
  edit: Edit,
  target: string,
  builder: Child,
  { root, signal }: CampaignOptions,
): Promise<Build> {
  const { name, file, find, replace } = edit;
  const isEdited = find !== "";
  const order = { root, target, edit: isEdited ? { name, file, find, replace } : null };
  const answer = await builder.ask({ type: "build", ...order }, BUILD_TIMEOUT_MS, signal);
  if (answer.type !== "built") throw new Error(failureOf(answer));
  return { bytes: answer.bytes, table: answer.table };
}

async function hunt(
  hunter: Hunter,
  prey: HuntOrder["prey"],
  party: Child,
  { budgetMs, graceMs = GRACE_MS, seed, signal }: CampaignOptions,
): Promise<HuntResult> {
  const order = { type: "hunt", hunter: hunter.name, prey, budgetMs, seed } as const;
  const begun = performance.now();
  try {
    const answer = await party.ask(order, budgetMs + graceMs, signal);
    if (answer.type !== "hunted") throw new Error(failureOf(answer));
    return answer.result;
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    const seconds = (performance.now() - begun) / 1000;
    return { killed: true, what: error.message, schedules: 0, seconds };
  }
}

function failureOf(answer: Answer): string {
  return answer.type === "failed" ? answer.message : `expected another answer, got ${answer.type}`;
}
