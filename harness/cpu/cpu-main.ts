/**
 * The Worker's side: a thread that is a CPU of one heap or of several, and runs jobs.
 *
 * Entry of every Worker of a pool, on Node and in browsers. Commands are carried out one after the
 * other; each is answered exactly once, whatever it throws.
 */
import { openPort } from "#platform";
import type { Cpu } from "../heap/cpu.js";
import { attachHeap } from "../heap/heap.js";
import type { ReapReport } from "../heap/reap.js";
import { runJob, type Seat } from "./job.js";
import { type AttachCommand, type Command, describeThrown } from "./protocol.js";

const port = openPort();
const seats = new Map<number, Seat>();
let last: Promise<void> = Promise.resolve();

port.onCommand((command) => {
  last = last.then(() => answer(command));
});

async function answer(command: Command): Promise<void> {
  const { ticket } = command;
  try {
    const value = await obey(command);
    // Throws for a result that cannot be cloned, which is then what the job failed with.
    port.reply({ type: "done", ticket, value });
  } catch (error) {
    port.reply({ type: "failed", ticket, thrown: describeThrown(error) });
  }
  if (command.type === "close") port.end();
}

async function obey(command: Command): Promise<unknown> {
  switch (command.type) {
    case "attach":
      return await attach(command);
    case "detach":
      return detach(command.heap);
    case "run":
      return await runJob(command, command.heap === null ? null : seatAt(command.heap));
    case "close":
      for (const heap of [...seats.keys()]) detach(heap);
      return;
  }
}

/** @returns what dead CPUs left, or null */
async function attach(command: AttachCommand): Promise<ReapReport | null> {
  const { heap: id, handle, cpu: number, dead = [] } = command;
  const heap = await attachHeap(handle);
  const [first, ...others] = dead.filter((each) => heap.isTaken(each));
  const report = first === undefined ? null : await heap.reap(first, ...others);
  seats.set(id, { heap, number, cpu: heap.cpu(number) });
  return report;
}

/** Goes offline unless a job did so already. */
function detach(id: number): void {
  const seat = seats.get(id);
  seats.delete(id);
  if (seat === undefined) return;
  if (isOnline(seat.cpu)) seat.cpu.offline();
}

/** Whether nobody called `cpu.offline()`; asked without entering the wasm. */
function isOnline(cpu: Cpu): boolean {
  try {
    cpu.bytes(0, 0);
    return true;
  } catch {
    return false;
  }
}

function seatAt(id: number): Seat {
  const seat = seats.get(id);
  if (seat !== undefined) return seat;
  throw new Error(`expected a heap that this CPU has joined, got heap ${id}; attach it first`);
}
