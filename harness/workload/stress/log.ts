/**
 * The log of a finding: what each CPU did last, as text.
 *
 * The operation that was in progress when a CPU was halted, or found something, is marked.
 */
import { hex } from "../../heap/errors.js";
import {
  type Board,
  IN_IRQ,
  IN_NMI,
  IN_READ_SECTION,
  type LoggedOperation,
} from "./stress-board.js";

/** @param head lines about the finding, without a line break each */
export function logText(board: Board, head: readonly string[]): string {
  const lines = [...head];
  for (let cpu = 0; cpu < board.cpus; cpu++) {
    const operations = [...board.ringOf(cpu).read()];
    lines.push("", `CPU ${cpu}: its last ${operations.length} operations, the latest last`);
    lines.push(...operations.map(lineOf));
  }
  return `${lines.join("\n")}\n`;
}

function lineOf(logged: LoggedOperation): string {
  const { number, operation, address, size, result, isDone } = logged;
  const contexts = contextsOf(logged);
  const where = contexts === "" ? "" : ` in ${contexts}`;
  const about = address === 0 && size === 0 ? "" : ` ${hex(address)} size=${size}`;
  const gave = result === 0 ? "" : ` -> ${hex(result)}`;
  return `#${number} ${operation}${where}${about}${gave}${isDone ? "" : "   <-- in progress"}`;
}

function contextsOf({ contexts }: LoggedOperation): string {
  const names = [
    ...((contexts & IN_READ_SECTION) === 0 ? [] : ["read section"]),
    ...((contexts & IN_IRQ) === 0 ? [] : ["irq"]),
    ...((contexts & IN_NMI) === 0 ? [] : ["NMI"]),
  ];
  return names.join(", ");
}
