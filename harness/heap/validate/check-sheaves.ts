/**
 * O40-sheaves, O41-barns, O42-classes, O43-rcu-sheaves: sheaves, what is in them, and how a free
 * finds them.
 */
import { CPU_FREE, MAX_SHEAF_CAPACITY } from "../constants.js";
import { hex } from "../errors.js";
import { SLAB_ACCOUNT } from "../flags.js";
import {
  BARN_PLACES,
  type BarnPlace,
  barnOf,
  hasSheaves,
  type SheafView,
  STACK_PLACES,
  sheafObjects,
  sheavesOf,
  waitingSheaves,
  waitsForReaders,
  walkBarn,
  walkQueue,
  walkStack,
} from "../sheaves.js";
import type { CacheView, HeapView } from "../view.js";
import { slabAt } from "../walk.js";
import type { Inspection } from "./inspection.js";

/** Places whose sheaves lead to no other. */
const LONE: readonly SheafView["place"][] = ["rcu_free", "sheaf_in_hand", "rcu hand"];

/** The largest index that the class of a page can say. */
const CLASS_MAX = 255;

/** Mark every object that lies in a sheaf, and judge the sheaves themselves. */
export function checkSheaves(inspection: Inspection, caches: Map<number, CacheView>): void {
  const { view } = inspection;
  if (!hasSheaves(view)) return;
  const seen = new Map<number, string>();
  for (const cache of caches.values()) {
    for (const sheaf of sheavesOf(view, cache)) {
      const where = placeOf(sheaf);
      const other = seen.get(sheaf.address);
      if (other === undefined) {
        seen.set(sheaf.address, where);
        checkSheaf(inspection, sheaf, where);
      } else {
        const message = `sheaf ${hex(sheaf.address)} is also the ${other}`;
        inspection.report(lawOf(sheaf), where, sheaf.address, message);
      }
    }
    checkCapacity(inspection, cache);
    for (let node = 0; node < view.nodeCount; node++) checkBarn(inspection, cache, node);
    for (let cpu = 0; cpu < view.cpuCount; cpu++) checkCpu(inspection, cache, cpu);
  }
  checkQueues(inspection);
  checkClasses(inspection);
}

function placeOf({ place, of, cache }: SheafView): string {
  const cpu = of < 0 ? "the heap" : `cpu ${of}`;
  const owner = isInBarn(place) ? `barn of node ${of}` : cpu;
  return `${place}, ${owner} of ${cache.name}`;
}

function isInBarn(place: SheafView["place"]): place is BarnPlace {
  return (BARN_PLACES as readonly string[]).includes(place);
}

function lawOf(sheaf: SheafView): "O40-sheaves" | "O43-rcu-sheaves" {
  return waitsForReaders(sheaf) ? "O43-rcu-sheaves" : "O40-sheaves";
}

function checkSheaf(inspection: Inspection, sheaf: SheafView, where: string): void {
  const { view } = inspection;
  const { address, cache, place, size, capacity } = sheaf;
  const report = (message: string, at = address) =>
    inspection.report(lawOf(sheaf), where, at, message);
  const { bottom, link } = view.struct("sheaf", address);
  if (view.pfnAt(address) < 0) {
    report(`sheaf ${hex(address)} is no address of the heap`);
    return;
  }
  const isOut = place === "prefilled";
  if (isOut ? capacity < 1 || capacity > MAX_SHEAF_CAPACITY : isOther(sheaf)) {
    report(`the capacity should be ${cache.sheaf_capacity}, is ${capacity}`);
  }
  if (!isOut && bottom !== 0) {
    report(`the word below the objects should be 0, is ${hex(bottom)}`);
  }
  if (isOut && !isCpuOf(view, bottom - 1, sheaf.of)) {
    report(`a sheaf that is out should be of a CPU of node ${sheaf.of}, is of ${bottom - 1}`);
  }
  if (LONE.includes(place) && link !== 0) report("a sheaf on no list has a link");
  if (!Number.isInteger(size) || size < 0 || size > capacity) {
    report(`the size should be 0..${capacity}, is ${size}`);
    return;
  }
  if (place === "full" && size !== capacity) report(`a full sheaf has ${size} of ${capacity}`);
  if ((place === "empty" || place === "spare") && size !== 0)
    report(`an empty sheaf has ${size} objects`);
  if (place === "below main" && size === 0) report("a sheaf below main has no objects");
  if (waitsForReaders(sheaf) && size === 0) report("a sheaf without objects waits");
  if (place === "rcu_free" && size === capacity) report("a full sheaf does not wait yet");
  if (place === "sheaf_in_hand" || place === "rcu hand")
    report("a CPU at rest has a sheaf in its hand");
  for (const object of sheafObjects(view, sheaf)) {
    const found = slabAt(view, object);
    const slab = found === null ? undefined : inspection.slabs.get(found.slab.address);
    if (slab === undefined || slab.cache.address !== cache.address) {
      report(`it holds ${hex(object)}, which is no object of ${cache.name}`, object);
    } else {
      inspection.mark(slab, object, waitsForReaders(sheaf) ? "rcu sheaf" : "sheaf");
    }
  }
}

/** Whether a sheaf at rest has another capacity than its cache's. */
function isOther({ place, capacity, cache }: SheafView): boolean {
  return capacity !== cache.sheaf_capacity && place !== "sheaf_in_hand";
}

/** Whether it is the number of a CPU that is taken, and of that node. */
function isCpuOf(view: HeapView, cpu: number, node: number): boolean {
  if (cpu < 0 || cpu >= view.cpuCount) return false;
  const found = view.cpu(cpu);
  return found.state !== CPU_FREE && found.node === node;
}

function checkCapacity(inspection: Inspection, cache: CacheView): void {
  const { name, address, sheaf_capacity } = cache;
  if (sheaf_capacity <= MAX_SHEAF_CAPACITY) return;
  const message = `the capacity should be 0..${MAX_SHEAF_CAPACITY}, is ${sheaf_capacity}`;
  inspection.report("O40-sheaves", `cache ${name}`, address, message);
}

function checkBarn(inspection: Inspection, cache: CacheView, node: number): void {
  const { view } = inspection;
  const barn = barnOf(view, cache, node);
  const where = `barn of node ${node} of ${cache.name}`;
  const report = (message: string) => inspection.report("O41-barns", where, barn.address, message);
  for (const place of BARN_PLACES) {
    const list = walkBarn(view, cache, node, place);
    const count = barn[`nr_${place}`];
    if (list.fault !== null) report(`${place}, at ${hex(list.at)}: ${list.fault}`);
    else if (count !== list.items.length) {
      report(`nr_${place} is ${count}, the list holds ${list.items.length}`);
    }
  }
  if (barn.nr_full > cache.barn_full) {
    report(`it keeps ${barn.nr_full} full sheaves, its bound is ${cache.barn_full}`);
  }
}

/** Without a main, `top` and `end` are at the word of zeros in the header. */
function checkCpu(inspection: Inspection, cache: CacheView, cpu: number): void {
  const { view } = inspection;
  const c = view.cpuCache(cpu, cache.index);
  const none = view.base + view.table.offsets.heap_header.no_sheaf;
  const below = c.main + view.table.constants.SHEAF_OBJECTS - 4;
  const end = c.main === 0 ? none : below + cache.sheaf_capacity * 4;
  const where = `cpu ${cpu} of ${cache.name}`;
  const report = (message: string) => inspection.report("O40-sheaves", where, c.address, message);
  if (c.end !== end) report(`end should be ${hex(end)}, is ${hex(c.end)}`);
  if (c.main === 0 && c.top !== none) report(`top should be ${hex(none)}, is ${hex(c.top)}`);
  if (c.rcu_free !== 0 && view.rcu(cpu).has_rcu_free === 0) {
    const message = "no barrier looks for its rcu_free: has_rcu_free is 0";
    inspection.report("O43-rcu-sheaves", where, c.address, message);
  }
  for (const place of STACK_PLACES) {
    const list = walkStack(view, cache, cpu, place);
    if (list.fault !== null) report(`${place}, at ${hex(list.at)}: ${list.fault}`);
    if (place !== "below main" || c.main === 0) continue;
    const { depth } = view.struct("sheaf", c.main);
    const found = list.items.length;
    if (depth !== found) report(`main says ${depth} sheaves lie below it, it is ${found}`);
    if (found > cache.pcs_full)
      report(`${found} sheaves lie below main, its bound is ${cache.pcs_full}`);
  }
  const has = c.main !== 0 || c.spare !== 0 || c.rcu_free !== 0;
  if (has && cache.sheaf_capacity === 0) report("it has sheaves of a cache that gets none");
}

/** The lists of sheaves that wait for a grace period; what they hold is checked with its cache. */
function checkQueues(inspection: Inspection): void {
  const { view } = inspection;
  const report = (where: string, address: number, message: string) =>
    inspection.report("O43-rcu-sheaves", where, address, message);
  for (const queue of view.rcuQueues()) {
    const where = queue.of < 0 ? "rcu queue of the heap" : `rcu queue of cpu ${queue.of}`;
    for (const place of ["sheaves", "sheaves_wait"] as const) {
      const list = walkQueue(view, queue, place);
      if (list.fault !== null)
        report(where, list.at, `${place}, at ${hex(list.at)}: ${list.fault}`);
    }
    if (queue.sheaves_wait === 0 || queue.wait_gp % 2 === 1) continue;
    report(where, queue.address, `the sheaves that wait have the period ${queue.wait_gp}`);
  }
  for (const { cache, address, place, of } of waitingSheaves(view)) {
    if (cache !== undefined) continue;
    report(
      `${place}, cpu ${of}`,
      address,
      `the sheaf ${hex(address)} holds no object of any cache`,
    );
  }
}

/** Each page's class is its slab's cache's index, or 0. */
function checkClasses(inspection: Inspection): void {
  const { view } = inspection;
  const { page_class, first_pfn, nr_nodes } = view.header();
  const classes = new Map<number, number>();
  for (const { page, cache } of inspection.slabs.values()) {
    const asks = (cache.flags & SLAB_ACCOUNT) !== 0;
    const says = cache.sheaf_capacity !== 0 && cache.index <= CLASS_MAX && nr_nodes === 1;
    if (!says || asks) continue;
    for (let i = 0; i < 2 ** page.order; i++) classes.set(page.pfn + i, cache.index);
  }
  for (let pfn = first_pfn; pfn < view.endPfn; pfn++) {
    const at = page_class + pfn;
    const found = view.u8(at);
    const should = classes.get(pfn) ?? 0;
    if (found === should) continue;
    const message = `the class should be ${should}, is ${found}`;
    inspection.report("O42-classes", `page ${pfn}`, view.descriptor(pfn), message);
  }
}
