/**
 * Q0-header: whether the constants in the header can be those of a heap of this size.
 *
 * Everything else is read through them, so a heap that fails here is not walked any further.
 */
import { BOOT_READY, DEFER_ARMS, MAX_CPUS, MAX_NODES, PAGE_DESC_SHIFT } from "../constants.js";
import { hex } from "../errors.js";
import type { Inspection } from "./inspection.js";

/** Tables in the order in which they lie in memory. */
const TABLES = ["node_table", "cpu_areas", "mem_map"] as const;

/** @returns true if the header is sound enough to walk the heap by it. */
export function checkHeader(inspection: Inspection): boolean {
  const { view } = inspection;
  const header = view.header();
  const { constants } = view.table;
  const before = inspection.findings.length;
  const expect = (holds: boolean, message: string) => {
    if (!holds) inspection.report("Q0-header", "heap header", view.base, message);
  };
  const between = (name: "nr_cpu_ids" | "nr_nodes" | "max_caches", high: number) => {
    const value = header[name];
    expect(value >= 1 && value <= high, `${name} should be 1..${high}, is ${value}`);
  };

  expect(header.self === view.base, `self should be ${hex(view.base)}, is ${hex(header.self)}`);
  expect(header.boot === BOOT_READY, `boot should be ${BOOT_READY}, is ${header.boot}`);
  between("nr_cpu_ids", MAX_CPUS);
  between("nr_nodes", MAX_NODES);
  between("max_caches", 65536);
  expect(DEFER_ARMS[header.defer_arm] !== undefined, `there is no arm ${header.defer_arm}`);
  expect(
    header.nr_caches <= header.max_caches,
    `nr_caches should be at most ${header.max_caches}, is ${header.nr_caches}`,
  );

  let end = view.base + constants.CACHE_TABLE + header.max_caches * constants.KMEM_CACHE_SIZE;
  for (const name of TABLES) {
    const address = header[name];
    expect(
      address >= end && address % 64 === 0,
      `${name} should lie above ${hex(end)}, is at ${hex(address)}`,
    );
    end = address;
  }
  const areas = header.cpu_areas + header.nr_cpu_ids * header.cpu_area_size;
  expect(
    areas <= header.mem_map,
    `the per-CPU areas should end below mem_map, end at ${hex(areas)}`,
  );
  const pageBytes = 2 ** constants.PAGE_SHIFT;
  const descriptors = header.mem_map + header.maximum_pages * 2 ** PAGE_DESC_SHIFT;
  const firstPage = header.first_pfn * pageBytes;
  expect(
    firstPage >= descriptors,
    `the first page should lie above ${hex(descriptors)}, is at ${hex(firstPage)}`,
  );
  const { byteLength } = view;
  expect(
    header.end_pfn >= header.first_pfn && header.end_pfn * pageBytes <= byteLength,
    `end_pfn should be ${header.first_pfn}..${byteLength / pageBytes}, is ${header.end_pfn}`,
  );
  expect(
    header.end_pfn <= header.maximum_pages,
    `end_pfn should be at most maximum_pages ${header.maximum_pages}, is ${header.end_pfn}`,
  );
  return inspection.findings.length === before;
}
