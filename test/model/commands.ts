/**
 * The commands: operations as fast-check draws, shrinks and prints them.
 *
 * A command is its name, where it runs and its numbers; `!` stands for an NMI, and `@` for a CPU.
 */
import fc from "fast-check";
import {
  NOLOCK_MAX,
  type Numbers,
  OPERATIONS,
  type Operation,
  REENTRIES,
} from "./heap-operations.js";
import { CPUS, type Where, type World } from "./world.js";

/** How often each is drawn; 1 if it is not named here. */
const WEIGHTS: Readonly<Record<string, number>> = {
  kmalloc: 8,
  kfree: 8,
  kfreeNolock: 8,
  kmallocNolock: 4,
  kmallocNode: 3,
  kmallocBulk: 3,
  kfreeBulk: 3,
  cacheAlloc: 8,
  cacheAllocBulk: 3,
  cacheFree: 8,
  createCache: 3,
};

/** A few buckets with few objects a slab: there every slow path is only some calls away. */
const HOT_SIZES = [2048, 4096, 8192] as const;

const size = fc.oneof(
  { weight: 24, arbitrary: fc.constantFrom(...HOT_SIZES) },
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 256 }) },
  { weight: 4, arbitrary: fc.integer({ min: 257, max: NOLOCK_MAX + 8 }) },
  { weight: 1, arbitrary: fc.integer({ min: NOLOCK_MAX, max: 300_000 }) },
);
const numbers = fc.record<Numbers>({
  size,
  pick: fc.nat(),
  count: fc.integer({ min: 0, max: 60 }),
  flag: fc.boolean(),
});
const where = fc.record<Where>({
  cpu: fc.nat(CPUS - 1),
  depth: fc.constantFrom(0, 0, 0, 1, 1, 2),
});

class Command implements fc.Command<World, World> {
  readonly #name: string;
  readonly #operation: Operation;
  readonly #where: Where;
  readonly #numbers: Numbers;

  constructor(name: string, operation: Operation, at: Where, drawn: Numbers) {
    this.#name = name;
    this.#operation = operation;
    this.#where = operation.anywhere ? at : { ...at, depth: 0 };
    this.#numbers = drawn;
  }

  check(world: Readonly<World>): boolean {
    return this.#operation.can?.(world) ?? true;
  }

  run(world: World): void {
    this.#operation.run(world, this.#where, this.#numbers);
  }

  toString(): string {
    const { cpu, depth } = this.#where;
    return `${this.#name}@${cpu}${"!".repeat(depth)}${JSON.stringify(this.#numbers)}`;
  }
}

/** Plans an operation for the next constructor: re-entry, on the CPU whose call constructs. */
class Reentry implements fc.Command<World, World> {
  readonly #name: string;
  readonly #at: Where;
  readonly #numbers: Numbers;

  constructor(name: string, at: Where, drawn: Numbers) {
    this.#name = name;
    this.#at = at;
    this.#numbers = drawn;
  }

  check(world: Readonly<World>): boolean {
    return world.reentries.length < 5;
  }

  run(world: World): void {
    const operation = REENTRIES[this.#name];
    world.reentries.push(() => {
      // Doors are opened in tasks: a constructor finds only those its CPU has.
      const isOpen = [...world.caches.values()].every(({ doors }) => doors.has(this.#at.cpu));
      if (this.#name.startsWith("cache") && !isOpen) return;
      if (operation?.can?.(world) ?? true) operation?.run(world, this.#at, this.#numbers);
    });
  }

  toString(): string {
    return `in a constructor: ${this.#name}${JSON.stringify(this.#numbers)}`;
  }
}

/** One operation; `hoard` makes allocations as many times more likely. */
const single = (hoard: number) =>
  fc.oneof(
    ...Object.entries(OPERATIONS).map(([name, operation]) => ({
      weight: (WEIGHTS[name] ?? 1) * (/alloc/i.test(name) ? hoard : 1),
      arbitrary: fc.tuple(where, numbers).map((drawn) => new Command(name, operation, ...drawn)),
    })),
  );
const reentry = fc
  .tuple(fc.constantFrom(...Object.keys(REENTRIES)), where, numbers)
  .map((drawn) => new Reentry(...drawn));

/**
 * Runs of up to `maxCommands`: half of them free about as much as they allocate, half hoard until
 * memory runs out.
 */
export function runs(maxCommands: number, replayPath?: string) {
  // "max": fast-check stops at ten commands otherwise.
  const options = { maxCommands, size: "max" as const };
  const sequences = [1, 8].map((hoard) => {
    const draw = single(hoard);
    const arbitraries = [draw, draw, draw, draw, reentry] as fc.Arbitrary<
      fc.Command<World, World>
    >[];
    return fc.commands(
      arbitraries,
      replayPath === undefined ? options : { ...options, replayPath },
    );
  });
  return fc.oneof(...sequences);
}
