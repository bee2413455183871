/** The numbers of a comparison: by arm, condition and round; a hole where a slot was discarded. */
import type { DeferArm } from "../../heap/arms.js";
import type { SlotNumbers } from "./compare-slots.js";

export class SlotTable {
  readonly #series = new Map<string, (SlotNumbers | undefined)[]>();
  readonly #unbounded = new Set<string>();

  set(arm: DeferArm, key: string, round: number, numbers: SlotNumbers): void {
    const name = nameOf(arm, key);
    const series = this.#series.get(name) ?? [];
    series[round] = numbers;
    this.#series.set(name, series);
    if (numbers.isOutOfMemory) this.#unbounded.add(name);
  }

  /** Whether the arm never ran out of memory under this condition. */
  isBounded(arm: DeferArm, key: string): boolean {
    return !this.#unbounded.has(nameOf(arm, key));
  }

  /** One value per round in which all of `arms` were measured under this condition. */
  zip<T>(
    arms: readonly DeferArm[],
    key: string,
    combine: (...numbers: readonly SlotNumbers[]) => T,
  ): T[] {
    const all = arms.map((arm) => this.#series.get(nameOf(arm, key)) ?? []);
    const rounds = Math.max(0, ...all.map((series) => series.length));
    const values: T[] = [];
    for (let round = 0; round < rounds; round++) {
      const numbers = all.flatMap((series) => series[round] ?? []);
      if (numbers.length === arms.length) values.push(combine(...numbers));
    }
    return values;
  }
}

function nameOf(arm: DeferArm, key: string): string {
  return `${arm}/${key}`;
}
