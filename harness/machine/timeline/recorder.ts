/** Everything that happens in one schedule, in order. */
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";

export interface Event {
  readonly what: "access" | "return" | "nmi" | "iret" | "sleep" | "wake" | "death";
  readonly fibre: number;
  readonly depth: number;
  readonly step: number;
  readonly operation: string;
  /** For an access. */
  readonly site: number;
  readonly address: number;
  readonly width: number;
  readonly before: number;
  /** After it, for what writes; null: it only read, or is no access. */
  after: number | null;
  /** What it touches, by name. */
  readonly where: string;
  /** For a return. */
  readonly result: number;
}

export class Recorder extends Watcher {
  readonly events: Event[] = [];
  readonly #machine: Machine;
  readonly #nameOf: (address: number) => string;
  #last: Event | null = null;

  /** @param nameOf asked while the schedule runs: what lies where changes */
  constructor(machine: Machine, nameOf: (address: number) => string) {
    super();
    this.#machine = machine;
    this.#nameOf = nameOf;
  }

  override begin(): void {
    this.events.length = 0;
    this.#last = null;
  }

  /** What the last access left is known when the next thing happens. */
  settle(): void {
    const last = this.#last;
    this.#last = null;
    if (last === null) return;
    const after = this.#machine.words[last.address >>> 2] ?? 0;
    const kind = this.#machine.module.table.sites[last.site]?.kind ?? "load";
    if (isWrite(kind)) last.after = after >>> 0;
  }

  #add(what: Event["what"], fibre: Fibre, more: Partial<Event> = {}): Event {
    this.settle();
    const operation = fibre.frame.operations[fibre.frame.at]?.call ?? "";
    const event: Event = {
      ...{ what, fibre: fibre.id, depth: fibre.depth, step: this.#machine.steps, operation },
      ...{ site: -1, address: 0, width: 0, before: 0, after: null, where: "", result: 0 },
      ...more,
    };
    this.events.push(event);
    return event;
  }

  override access(fibre: Fibre, site: number, kind: number, width: number, address: number): void {
    const before = (this.#machine.words[address >>> 2] ?? 0) >>> 0;
    const event = this.#add("access", fibre, {
      ...{ site, address, width, before },
      where: width === 0 ? hex(address) : this.#nameOf(address),
    });
    if (isWrite(SITE_KINDS[kind] ?? "load")) this.#last = event;
  }

  override endOperation(fibre: Fibre, _operation: Operation, result: number): void {
    this.#add("return", fibre, { result: (result ?? 0) >>> 0 });
  }

  override enterHandler(fibre: Fibre): void {
    this.#add("nmi", fibre);
  }

  override exitHandler(fibre: Fibre): void {
    this.#add("iret", fibre);
  }

  override sleeps(fibre: Fibre): void {
    this.#add("sleep", fibre);
  }

  override dies(fibre: Fibre): void {
    const { site, address } = fibre;
    this.#add("death", fibre, { site, address, where: this.#nameOf(address) });
  }

  override wakes(_by: Fibre, fibre: Fibre): void {
    this.#add("wake", fibre);
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
