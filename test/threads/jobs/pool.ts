/** Jobs that behave, misbehave and die: what a pool has to live with. */
import type { JobContext } from "slablab/internal/cpu/job.js";

/** What this CPU knows about itself. */
export function introduce({ index, cpus, cpu, heap }: JobContext, args: unknown) {
  return { index, cpus, cpu: cpu.id, heapCpus: heap.options.cpus, args };
}

/** The same without a heap. */
export function countOff({ index, cpus }: JobContext, args: unknown) {
  return { index, cpus, args };
}

/**
 * Passes `lines` start lines, and before each notes in its own word how many it has passed.
 *
 * @returns the largest difference to another CPU that it saw right behind a line
 */
export function marchInStep(
  { index, cpus, startLine }: JobContext,
  { words, lines }: { words: SharedArrayBuffer; lines: number },
): number {
  const passed = new Int32Array(words);
  let worst = 0;
  for (let line = 1; line <= lines; line++) {
    Atomics.store(passed, index, line);
    startLine();
    for (let other = 0; other < cpus; other++) {
      // Behind line n everybody has reached it; the fastest may stand before the next one.
      worst = Math.max(worst, line - Atomics.load(passed, other));
    }
    startLine();
  }
  return worst;
}

/** CPU `on` throws; the others wait for it at a start line. */
export function throwOn({ index, startLine }: JobContext, { on }: { on: number }): void {
  if (index === on) throw new TypeError("this CPU has had enough");
  startLine();
}

/** CPU 0 returns at once; the others wait for it at a start line. */
export function leaveEarly({ index, startLine }: JobContext): void {
  if (index !== 0) startLine();
}

/** CPU `on` ends its Worker in the way `how`; the others wait for it at a start line. */
export function dieOn(
  { index, startLine }: JobContext,
  { on, how }: { on: number; how: "exit" | "memory" | "uncaught" | "close" },
): void | Promise<void> {
  if (index !== on) return startLine();
  if (how === "exit") process.exit(7);
  if (how === "close") (globalThis as { close?: () => void }).close?.();
  if (how === "memory") fillMemory();
  if (how === "uncaught") {
    setTimeout(() => {
      throw new RangeError("thrown where nobody listens");
    });
  }
  // Dead, or about to be: this job never answers.
  return new Promise(() => undefined);
}

function fillMemory(): never {
  const all: unknown[] = [];
  for (;;) all.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
}

/** Returns what no message can carry. */
export function returnFunction(): unknown {
  return () => 1;
}

/** Spins until the pool is asked to stop. @returns how often it looked */
export function spinUntilStopped({ isStopped, startLine }: JobContext): number {
  startLine();
  let looks = 0;
  while (!isStopped()) looks++;
  return looks;
}

/** Never returns and never looks up. */
export function spinForever(): never {
  for (;;);
}

/** Goes offline by itself. */
export function goOffline({ cpu }: JobContext): void {
  cpu.offline();
}

/** Goes offline and comes back. @returns its number before and after */
export function comeBack({ cpu, rejoin }: JobContext): [number, number] {
  cpu.offline();
  return [cpu.id, rejoin().id];
}
