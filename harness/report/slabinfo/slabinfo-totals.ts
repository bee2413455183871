/**
 * `slabinfo -T`: all caches in one page. Caches without an allocated object are left out, as the
 * kernel's tool does; averages are over caches and, in the second table, over objects. Quotients
 * are cut to integers.
 */
import { lossOf, percent, type SlabCache, sizeOf, usedOf } from "./slabinfo-caches.js";
import { right, storeSize } from "./slabinfo-format.js";

const CELL = 15;

/** The page, a line each. */
export function totalsLines(caches: readonly SlabCache[], asBytes: boolean): string[] {
  const active = caches.filter(({ slabs, objects }) => slabs > 0 && objects > 0);
  if (active.length === 0) return ["No cache has an allocated object."];
  const size = (value: number) => storeSize(value, asBytes);
  const total = (of: Quantity) => sum(active.map(of));
  const objects = total((cache) => cache.objects);
  const partial = total((cache) => cache.objectsPartial);
  const [memory, used, loss] = [total(sizeOf), total(usedOf), total(lossOf)];
  const aliases = `${right(
    total((cache) => cache.aliases),
    11,
  )}->0  `;
  const actives = right(active.length, 3);
  const [memoryLoss, partialShare] = [percent(loss, used), percent(partial, objects)];
  const cell = (value: number | string) => right(value, CELL);
  const share = (value: number) => `${right(value, 6)}%`;
  return [
    "Slabcache Totals",
    "----------------",
    `Slabcaches : ${cell(caches.length)}   Aliases  : ${aliases} Active:    ${actives}`,
    [`Memory used: ${cell(size(memory))}`, `# Loss   : ${cell(size(loss))}`]
      .concat(`MRatio:${share(memoryLoss)}`)
      .join("   "),
    [`# Objects  : ${cell(size(objects))}`, `# PartObj: ${cell(size(partial))}`]
      .concat(`ORatio:${share(partialShare)}`)
      .join("   "),
    "",
    `${"Per Cache".padEnd(10)}${["Average", "Min", "Max", "Total"].map(cell).join("  ")}`,
    "-".repeat(76),
    ...PER_CACHE.map((row) => perCacheLine(active, row, size)),
    "",
    `Per Object${["Average", "Min", "Max"].map(cell).join("  ")}`,
    "-".repeat(59),
    perObject("Memory", active, ({ slabSize }) => slabSize, objects, size),
    perObject("User", active, ({ objectSize }) => objectSize, objects, size),
    perObject("Loss", active, ({ slabSize, objectSize }) => slabSize - objectSize, objects, size),
  ];
}

type Quantity = (cache: SlabCache) => number;

interface Row {
  readonly label: string;
  readonly of: Quantity;
  /** What `of` is a share of: the cells are percent. */
  readonly whole?: Quantity;
}

const PER_CACHE: readonly Row[] = [
  { label: "#Objects", of: ({ objects }) => objects },
  { label: "#Slabs", of: ({ slabs }) => slabs },
  { label: "#PartSlab", of: ({ partial }) => partial },
  { label: "%PartSlab", of: ({ partial }) => partial, whole: ({ slabs }) => slabs },
  { label: "PartObjs", of: ({ objectsPartial }) => objectsPartial },
  {
    label: "% PartObj",
    of: ({ objectsPartial }) => objectsPartial,
    whole: ({ objects }) => objects,
  },
  { label: "Memory", of: sizeOf },
  { label: "Used", of: usedOf },
  { label: "Loss", of: lossOf },
];

function perCacheLine(
  caches: readonly SlabCache[],
  { label, of, whole }: Row,
  size: (value: number) => string,
): string {
  const values = caches.map((cache) => (whole ? percent(of(cache), whole(cache)) : of(cache)));
  const all = sum(caches.map(of));
  const total = whole ? percent(all, sum(caches.map(whole))) : all;
  const average = Math.floor(sum(values) / caches.length);
  const cells = [average, Math.min(...values), Math.max(...values), total];
  const texts = cells.map((value) => right(whole ? `${value}%` : size(value), CELL));
  return `${label.padEnd(10)}${texts.join("  ")}`;
}

function perObject(
  label: string,
  caches: readonly SlabCache[],
  of: Quantity,
  objects: number,
  size: (value: number) => string,
): string {
  const values = caches.map(of);
  const all = sum(caches.map((cache) => of(cache) * cache.objects));
  const cells = [Math.floor(all / objects), Math.min(...values), Math.max(...values)];
  return `${label.padEnd(10)}${cells.map((value) => right(size(value), CELL)).join("  ")}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
