#!/usr/bin/env node
/**
 * The `slablab` command. Refuses a Node that is too old in a sentence, before it loads anything
 * that such a Node cannot even read: so it imports nothing by itself. cli-program.ts is the
 * program.
 */

/** As `engines` in package.json; Deno and Bun say which Node they are like. */
const NODE_MIN = [20, 19] as const;
const ENVIRONMENT_CANNOT = 3;

const { node } = process.versions;
const [major = 0, minor = 0] = node.split(".").map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  console.error(
    `slablab: expected Node ${NODE_MIN.join(".")} or newer, got ${node}; ` +
      "install a newer one, or use Deno or Bun",
  );
  process.exitCode = ENVIRONMENT_CANNOT;
} else {
  const { run } = await import("./cli-program.js");
  await run(process.argv.slice(2));
}

export {};
