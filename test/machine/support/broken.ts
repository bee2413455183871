/** For tests of judges: accesses of a CPU that is broken in one way, told as the machine would. */
import { SITE_KINDS, type SiteKind } from "slablab/internal/machine/instrument/sites.js";
import type { Fibre } from "slablab/internal/machine/core/fibre.js";
import { operation } from "slablab/internal/machine/core/program.js";
import { FieldWatch } from "slablab/internal/machine/judges/field-watch.js";
import type { Stage } from "slablab/internal/machine/scenarios/stage.js";

/** A CPU that does what it is told, and its judges. */
export class Broken {
  readonly stage: Stage;
  readonly #watch: FieldWatch;

  constructor(stage: Stage) {
    this.stage = stage;
    const { machine } = stage;
    const watch = machine.watchers.find((each) => each instanceof FieldWatch);
    if (watch === undefined) throw new Error("expected the judges of fields, got none");
    this.#watch = watch;
    for (const [id, task] of stage.tasks.entries()) machine.fibres[id]?.reset(task, 0);
    stage.ownership.begin();
    watch.begin();
  }

  fibre(id: number): Fibre {
    const fibre = this.stage.machine.fibres[id];
    if (fibre === undefined) throw new Error(`expected a task ${id}, got none`);
    return fibre;
  }

  at(address: number): number {
    return (this.stage.machine.words[address >>> 2] ?? 0) >>> 0;
  }

  #access(kind: SiteKind, address: number, width: number, by: number): void {
    this.#watch.access(this.fibre(by), 0, SITE_KINDS.indexOf(kind), width, address);
  }

  load(address: number, { by = 0, kind = "load" as SiteKind, width = 4 } = {}): void {
    this.#access(kind, address, width, by);
  }

  store(address: number, value: number, { by = 0, kind = "store" as SiteKind } = {}): void {
    this.#access(kind, address, 4, by);
    this.stage.machine.words[address >>> 2] = value;
  }

  store64(address: number, low: number, high: number, kind: SiteKind = "atomicStore"): void {
    this.#access(kind, address, 8, 0);
    this.stage.machine.words[address >>> 2] = low;
    this.stage.machine.words[(address >>> 2) + 1] = high;
  }

  /** A cmpxchg that stores. */
  swap(address: number, value: number, by = 0): void {
    this.store(address, value, { by, kind: "cmpxchg" });
    this.#watch.swapped(this.fibre(by), true);
  }

  end(by = 0, call = operation("kmem_cache_free"), result = 0): void {
    this.#watch.endOperation(this.fibre(by), call, result);
  }

  nmi(inside: () => void): void {
    const fibre = this.fibre(0);
    fibre.depth++;
    fibre.enterFrame([operation("kmem_cache_alloc_nolock")]);
    this.#watch.enterHandler(fibre);
    inside();
    this.#watch.exitHandler(fibre);
    fibre.depth--;
  }

  get found(): string {
    const { found } = this.stage.machine;
    return found === null ? "" : `${found.kind}: ${found.message}`;
  }
}
