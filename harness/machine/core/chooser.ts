/**
 * Which choices there are: who can go on, who may be preempted, interrupted or moved, within the
 * bounds of the exploration.
 *
 * A CPU runs one task at a time. Another task of it goes on only where the one that has it can be
 * preempted: outside handlers, with a preempt count of 0.
 */
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import { INTERRUPT, DIE, MIGRATE, STEP, actionOf, choice, fibreOf } from "../policies/policy.js";
import type { Choice, Situation } from "../policies/policy.js";
import { isLook } from "./access-log.js";
import { type Bounds, DEFAULT_BOUNDS } from "./bounds.js";
import type { Conflicts } from "./conflicts.js";
import { BLOCKED, DEPTH_MAX, FRESH, type Fibre, PARKED } from "./fibre.js";
import type { MachineModule } from "./module.js";

const FIRST_ORDERED = SITE_KINDS.indexOf("wait");
const WRITES = Uint8Array.from(SITE_KINDS, (kind) => Number(isWrite(kind)));
const RELAX = SITE_KINDS.indexOf("relax");
const NOBODY = -1;
/** A CPU that always asks something first carries this bit (assembly/sync/context.ts). */
const HOOKED = 0x100_0000;
/** Options at one decision: a step, an interrupt and a move to each of a few CPUs per fibre. */
const OPTIONS_MAX = 1024;

export class Chooser implements Situation {
  readonly options = new Int32Array(OPTIONS_MAX);
  optionCount = 0;
  current = NOBODY;
  decisions = 0;
  live = 0;
  preemptionsLeft = 0;
  migrationsLeft = 0;
  deathsLeft = 0;
  /** Whether the fibre that asked could have gone on. */
  goesOn = false;
  readonly #fibres: readonly Fibre[];
  readonly #words: Int32Array;
  readonly #module: MachineModule;
  readonly #conflicts: Conflicts;
  #bounds: Bounds = DEFAULT_BOUNDS;
  /** By CPU: the fibre that has it. Only looked at where tasks share CPUs. */
  #has = new Int32Array(0);
  /** By CPU: the fibre that moved away from it last, if nobody has had it since. */
  #left = new Int32Array(0);
  /** By CPU: index of the word with its preempt count. */
  #counts: readonly number[] = [];
  #shares = false;
  /** Several tasks were made for one CPU: the death of one is not that of its CPU. */
  #hasTwoOnOne = false;
  /** By site: 1 where the bounds offer choices; undefined: everywhere. */
  #offered: Uint8Array | undefined;

  constructor(
    fibres: readonly Fibre[],
    words: Int32Array,
    module: MachineModule,
    conflicts: Conflicts,
  ) {
    this.#fibres = fibres;
    this.#words = words;
    this.#module = module;
    this.#conflicts = conflicts;
  }

  /** @param counts addresses of the preempt counts of all CPUs */
  settle(counts: readonly number[]): void {
    this.#counts = counts.map((address) => address >>> 2);
  }

  begin(live: number, bounds: Bounds): void {
    if (bounds.only !== this.#bounds.only) this.#offered = this.#sitesOf(bounds.only);
    this.#bounds = bounds;
    this.live = live;
    this.current = NOBODY;
    this.decisions = 0;
    this.preemptionsLeft = bounds.preemptions;
    this.migrationsLeft = bounds.migrations;
    this.deathsLeft = bounds.deaths;
    // Fibres are made after their chooser.
    if (this.#has.length === 0) {
      this.#has = new Int32Array(this.#fibres.length);
      this.#left = new Int32Array(this.#fibres.length);
    }
    this.#has.fill(NOBODY);
    this.#left.fill(NOBODY);
    const cpus = new Set(this.#fibres.slice(0, live).map(({ cpu }) => cpu));
    this.#hasTwoOnOne = cpus.size < live;
    this.#shares = this.#hasTwoOnOne || bounds.migrations > 0;
  }

  #sitesOf(only: RegExp | null): Uint8Array | undefined {
    if (only === null) return undefined;
    return Uint8Array.from(this.#module.table.sites, (site) => Number(only.test(site.function)));
  }

  #isOffered({ site }: Fibre): boolean {
    return this.#offered === undefined || site < 0 || this.#offered[site] === 1;
  }

  /** What comes after `id` stands before its next access; -1: nobody asks. */
  enumerate(id: number): void {
    const mover = id < 0 ? undefined : (this.#fibres[id] as Fibre);
    const goesOn = mover !== undefined && this.canStep(mover);
    this.goesOn = goesOn;
    this.optionCount = 0;
    if (goesOn) {
      this.#offer(id);
      if (this.#bounds.spinsEnd && this.#isInLoop(mover)) return;
      if (this.#canInterrupt(mover)) this.#offer(choice(id, INTERRUPT));
    }
    this.#offerSwitches(id, mover, goesOn);
    // Last, and only beside others: what nothing but a death would end is a deadlock.
    if (this.deathsLeft > 0 && this.optionCount > 0) this.#offerDeaths(mover);
  }

  #offerSwitches(id: number, mover: Fibre | undefined, goesOn: boolean): void {
    const maySwitch = !goesOn || (this.preemptionsLeft > 0 && this.#matters(mover as Fibre));
    if (!maySwitch) return;
    for (let other = 0; other < this.live; other++) {
      if (goesOn && other === id) continue;
      if (this.canStep(this.#fibres[other] as Fibre)) this.#offer(other);
    }
    for (let other = 0; other < this.live; other++) {
      const fibre = this.#fibres[other] as Fibre;
      if (!(goesOn && other === id) && this.#canInterrupt(fibre)) {
        this.#offer(choice(other, INTERRUPT));
      }
      if (this.migrationsLeft > 0) this.#offerMoves(fibre);
    }
  }

  /**
   * Who stands before an access may die there. Who waits for its turn stands where it stood when it
   * last asked, so that only who never asked is asked about: before the first decision.
   */
  #offerDeaths(mover: Fibre | undefined): void {
    if (mover !== undefined) this.#offerDeath(mover);
    if (this.decisions > 0) return;
    for (let other = 0; other < this.live; other++) {
      this.#offerDeath(this.#fibres[other] as Fibre);
    }
  }

  #offerDeath(fibre: Fibre): void {
    if (fibre.state === FRESH || fibre.state === BLOCKED || fibre.isOver || this.#hasTwoOnOne)
      return;
    if (fibre.task?.mayDie === false || (this.#bounds.learns && !fibre.diesAnew)) return;
    if (!this.#isOffered(fibre)) return;
    fibre.diesAnew = false;
    this.#offer(choice(fibre.id, DIE));
  }

  #offer(code: Choice): void {
    this.options[this.optionCount++] = code;
  }

  canStep(fibre: Fibre): boolean {
    if (fibre.state === PARKED) {
      const isStuck = fibre.spins && !this.#bounds.spinsEnd;
      if (isStuck && !fibre.wouldSeeMore(this.#words)) return false;
    } else if (fibre.state === BLOCKED) {
      const { operations, at } = fibre.frame;
      if (this.#fibres[operations[at]?.awaits ?? -1]?.isOver !== true) return false;
    } else if (fibre.state !== FRESH) return false;
    return !this.#shares || this.#canHave(fibre, fibre.cpu);
  }

  /** In a spin loop that is run to its end, one turn is like the other: no choices in it. */
  #isInLoop(fibre: Fibre): boolean {
    const kind = this.#module.kinds[fibre.site] as number;
    return fibre.inLoop && (kind === RELAX || (isLook(kind) && fibre.looksAgain));
  }

  /** Whether `fibre` may run on `cpu` now. */
  #canHave(fibre: Fibre, cpu: number): boolean {
    const owner = this.#has[cpu] as number;
    return owner === NOBODY || owner === fibre.id || this.#isPreemptible(owner, cpu);
  }

  #isPreemptible(owner: number, cpu: number): boolean {
    const fibre = this.#fibres[owner] as Fibre;
    if (fibre.isOver) return true;
    const count = this.#counts[cpu];
    return fibre.depth === 0 && (count === undefined || this.#countAt(count) === 0);
  }

  #countAt(index: number): number {
    return (this.#words[index] as number) & ~HOOKED;
  }

  #canInterrupt(fibre: Fibre): boolean {
    const isPossible =
      fibre.handlersLeft > 0 &&
      (fibre.task?.handler.length ?? 0) > 0 &&
      fibre.state === PARKED &&
      fibre.depth < this.#bounds.handlerDepth &&
      fibre.depth < DEPTH_MAX &&
      (!this.#bounds.handlersNest || fibre.depth === this.#bounds.handlers - fibre.handlersLeft) &&
      !fibre.frame.delivered &&
      this.#isOffered(fibre) &&
      (fibre.task?.comesAndGoes !== true || fibre.register !== 0) &&
      (!this.#shares || this.#canHave(fibre, fibre.cpu));
    if (!isPossible || !this.#bounds.learns) return isPossible;
    return this.#conflicts.mattersToHandler(fibre.address >>> 2, fibre.id);
  }

  /**
   * A task can be moved where it could be preempted, to a CPU that would take it; and by design
   * only in the middle of a fast path, whose tid proves that nothing came between. A slow path
   * looks its CPU up once, before it takes its lock, which no Worker can tell from looking twice.
   */
  #offerMoves(fibre: Fibre): void {
    if (fibre.state !== PARKED || fibre.depth > 0 || fibre.spins) return;
    if (!this.#bounds.movesAnywhere && this.#module.survivesMove[fibre.site] !== 1) return;
    if (!this.#isOffered(fibre)) return;
    const has = this.#has[fibre.cpu] === fibre.id;
    if (has && !this.#isPreemptible(fibre.id, fibre.cpu)) return;
    for (let cpu = 0; cpu < this.#counts.length; cpu++) {
      if (cpu !== fibre.cpu && this.#canHave(fibre, cpu)) {
        this.#offer(choice(fibre.id, MIGRATE + cpu));
      }
    }
  }

  /** Whether the access that `fibre` stands before may conflict with another's. */
  #matters(fibre: Fibre): boolean {
    if (!this.#isOffered(fibre)) return false;
    if (!this.#bounds.learns || fibre.state !== PARKED) return true;
    return this.#conflicts.mattersToOthers(fibre.address >>> 2, fibre.id);
  }

  /** Pay for a choice. @returns the fibre that lost its CPU to it, or -1 */
  take(code: Choice, asked: number): number {
    const id = fibreOf(code);
    const fibre = this.#fibres[id] as Fibre;
    const action = actionOf(code);
    if (action === DIE) {
      this.deathsLeft--;
      return NOBODY;
    }
    if (this.goesOn && id !== asked) this.preemptionsLeft--;
    if (action === INTERRUPT) fibre.handlersLeft--;
    const cpu = action >= MIGRATE ? action - MIGRATE : fibre.cpu;
    if (action >= MIGRATE) {
      this.migrationsLeft--;
      if (this.#has[fibre.cpu] === id) {
        this.#has[fibre.cpu] = NOBODY;
        this.#left[fibre.cpu] = id;
      }
    }
    const owner = this.#has[cpu] as number;
    const before = owner === NOBODY ? (this.#left[cpu] as number) : owner;
    this.#has[cpu] = id;
    this.#left[cpu] = NOBODY;
    return before === id ? NOBODY : before;
  }

  /** Two fibres' next accesses commute if they touch different words or only read. */
  independent(a: Choice, b: Choice): boolean {
    const [one, two] = [fibreOf(a), fibreOf(b)];
    if (one === two || this.#shares) return false;
    const [x, y] = [this.#fibres[one] as Fibre, this.#fibres[two] as Fibre];
    if (x.state !== PARKED || y.state !== PARKED || x.spins || y.spins) {
      return x.state === FRESH || y.state === FRESH;
    }
    if (actionOf(a) !== STEP || actionOf(b) !== STEP) return true;
    const { kinds, widths } = this.#module;
    const [first, second] = [kinds[x.site] as number, kinds[y.site] as number];
    if (first >= FIRST_ORDERED || second >= FIRST_ORDERED) return false;
    if (WRITES[first] === 0 && WRITES[second] === 0) return true;
    const apart = (p: Fibre, q: Fibre) => p.address + (widths[p.site] as number) <= q.address;
    return apart(x, y) || apart(y, x);
  }
}
