/**
 * The process that builds and the process that hunts: does what it is told, one order at a time.
 *
 * Started by child.ts, and over when nobody talks to it any more.
 */
import { instrument } from "../machine/instrument/instrument.js";
import { MODEL, buildWasm } from "./builder.js";
import { HUNTERS } from "./hunters.js";
import type { Answer, HuntOrder, Order } from "./child-protocol.js";

process.on("message", (order: Order) => void answer(order));
process.on("disconnect", () => process.exit());

async function answer(order: Order): Promise<void> {
  let reply: Answer;
  try {
    reply = order.type === "hunt" ? await hunt(order) : await build(order);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    reply = { type: "failed", message: order.type === "build" ? String(error) : message };
  }
  process.send?.(reply);
}

/** The machine's build is instrumented here: a hunt has a time limit, a build has a long one. */
async function build(order: Order & { type: "build" }): Promise<Answer> {
  const bytes = await buildWasm(order);
  if (order.target !== MODEL) return { type: "built", bytes, table: null };
  const { wasm, table } = await instrument(bytes, { optimizeLevel: 0 });
  return { type: "built", bytes: wasm, table };
}

async function hunt({ hunter: name, prey, budgetMs, seed }: HuntOrder): Promise<Answer> {
  const hunter = HUNTERS.find((each) => each.name === name);
  if (hunter === undefined) throw new Error(`expected a hunter called ${name}, got none`);
  const module = await WebAssembly.compile(prey.bytes as BufferSource);
  const result = await hunter.hunt({ ...prey, module }, { budgetMs, seed });
  return { type: "hunted", result };
}
