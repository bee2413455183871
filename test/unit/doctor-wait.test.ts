/**
 * Goal: `doctor` names the fault of Node 20's baseline wasm compiler where it is, and only there.
 * Method: environments as they would be read.
 */
import { wasmWait } from "slablab/internal/cli/doctor/doctor-command.js";
import { type Environment, readEnvironment } from "slablab/internal/measure/common/environment.js";
import { expect, test } from "vitest";

function on(runtime: Partial<Environment["runtime"]>): Environment {
  const here = readEnvironment();
  return { ...here, runtime: { ...here.runtime, flags: [], ...runtime } };
}

const NODE_20 = { name: "Node", version: "20.20.2", v8: "11.3.244.8-node.33" };

test("Node 20 loses a local across memory.atomic.wait32, and the advice says what to do", () => {
  const { verdict, found, advice } = wasmWait(on(NODE_20));
  expect({ verdict, found }).toEqual({
    verdict: "warns",
    found: "Node 20.20.2 loses a local across memory.atomic.wait32",
  });
  expect(advice).toContain("Node 22 or newer, --no-liftoff");
});

test.each([
  ["Node 20 without that compiler", { ...NODE_20, flags: ["--no-liftoff"] }],
  ["the same, as V8 spells it", { ...NODE_20, flags: ["--no_liftoff"] }],
  ["Node 22", { name: "Node", version: "22.12.0", v8: "12.4.254.21-node.21" }],
  ["Bun, which has another engine", { ...NODE_20, name: "Bun", version: "1.3.0" }],
])("%s is fine", (_, runtime) => {
  expect(wasmWait(on(runtime))).toMatchObject({ verdict: "ok", advice: "" });
});
