/**
 * No heap at all: what a load costs by itself, which is taken off both sides where two heaps are
 * compared. Every allocation of a CPU is the same block, so only loads that believe what they
 * wrote are not for it.
 */
import { set_registers, this_cpu } from "../../sync/percpu";

/** Where the blocks lie, 1 MiB in all: the harness keeps everything else away from them. */
const BLOCKS: usize = 0x10_0000;
/** log2 of the bytes of a block: no load that has this flavour writes more to an object. */
const BLOCK_SHIFT: usize = 16;
/** CPUs with a block of their own; more share, and then share lines. */
const BLOCK_COUNT: u32 = 16;

/** Be a CPU. Its one register holds the address of its block. */
export function null_attach(cpu: u32): void {
  set_registers(BLOCKS + ((<usize>(cpu % BLOCK_COUNT)) << BLOCK_SHIFT), 0, 0);
}

/** @returns the same address for any size. */
export function null_malloc(_size: usize): usize {
  return this_cpu;
}

/** Nothing. */
export function null_free(_p: usize): void {}
