/**
 * Memory pressure: one CPU takes all that is left, every page stamped, and gives it back a section
 * later. Meanwhile every slow path of the others fails.
 */
import { LARGE } from "../verify/objects.js";
import type { StressCpu } from "./stress-cpu.js";

/** From large blocks to the smallest that are whole pages. */
const SIZES = [1 << 20, 1 << 18, 1 << 16, 3 << 12] as const;
/** One section in so many is run under pressure. */
const RARITY = 4;

/** In some sections take what is left. Context: a plain task. @throws FindingError */
export function startPressure(cpu: StressCpu): void {
  if (cpu.random.below(RARITY) !== 0) return;
  cpu.count("pressures");
  cpu.run("kmallocLarge", 0, () => {
    for (const size of SIZES) fill(cpu, size);
  });
}

function fill(cpu: StressCpu, size: number): void {
  while (cpu.hog.hasRoom(1)) {
    const address = cpu.cpu.kmalloc(size);
    if (address === 0) return;
    cpu.note("kmallocLarge", address, size);
    cpu.hog.add(address, size, LARGE, false);
  }
}

/** Give it back. @throws FindingError if a byte of it changed */
export function endPressure(cpu: StressCpu): void {
  if (cpu.hog.count === 0) return;
  cpu.run("kfree", 0, () => {
    while (cpu.hog.count > 0) {
      const index = cpu.hog.count - 1;
      const { [index]: address = 0 } = cpu.hog.address;
      cpu.note("kfree", address, cpu.hog.size[index] ?? 0);
      cpu.hog.release(index);
      cpu.cpu.kfree(address);
    }
  });
}
