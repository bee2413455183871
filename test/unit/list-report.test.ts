/**
 * Goal: `--list --json` prints one document, as its schema says, in every command that lists.
 * Method: the commands; the published schema is the one in the code.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { listReportSchema } from "slablab/internal/report/common/list-schema.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { slablabHere } from "./support/command.js";
import { formatJson } from "./support/json.js";

const ROOT = resolve(import.meta.dirname, "../..");
const SCHEMA_FILE = resolve(ROOT, "docs/schema/list-v1.schema.json");

test.each([
  ["bench", "fastpath"],
  ["explore", "two-pairs"],
  ["mutants", "this-cpu-cas-migrates"],
])("slablab %s --list --json has %s", async (command, name) => {
  const { stdout } = await slablabHere(command, "--list", "--json");
  const { parameters, results } = v.parse(listReportSchema, JSON.parse(stdout));
  expect(parameters.of).toBe(command);
  expect(results.entries.map((entry) => entry.name)).toContain(name);
});

test("the published JSON Schema is the one in the code", async () => {
  const schema = formatJson(toJsonSchema(listReportSchema));
  await expect(`${schema}\n`).toMatchFileSnapshot(SCHEMA_FILE);
});
