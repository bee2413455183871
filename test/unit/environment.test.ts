/** Goal: a report says where it was made. Method: this process, whose truth is known otherwise. */
import { availableParallelism } from "node:os";
import {
  describeEnvironment,
  readEnvironment,
} from "slablab/internal/measure/common/environment.js";
import { expect, test } from "vitest";

test("the environment names runtime, machine, clock and package", () => {
  const environment = readEnvironment();
  expect(environment.runtime).toMatchObject({ name: "Node", version: process.versions.node });
  expect(environment.cpu.cores).toBe(availableParallelism());
  expect(environment.slablab.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(environment.slablab.commit ?? "0000000").toMatch(/^[\da-f]{7,}\+?$/);
  expect(environment.crossOriginIsolated).toBe(null);
  expect(environment.timerResolutionNs).toBeGreaterThan(0);
});

test("one line says it all, the seed too", () => {
  const line = describeEnvironment(readEnvironment(), 0x51ab1ab);
  expect(line).not.toContain("\n");
  expect(line).toContain(`Node ${process.versions.node}`);
  expect(line).toContain("seed 0x51ab1ab");
});

test("a clock given by the caller is the one that is measured", () => {
  let now = 0;
  const clock = { nowNs: () => (now += 5000) };
  expect(readEnvironment(clock).timerResolutionNs).toBe(5000);
});
