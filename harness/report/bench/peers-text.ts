/**
 * What `slablab bench --peers` prints: for each load a table of its heaps, and at the end every
 * heap's time over that of ours. No line is wider than 100 columns.
 */
import type { PeerRow, PeersResults } from "../../measure/peers/peer-row.js";
import { title, wrap } from "../common/page.js";
import { EMPTY_CELL, formatNs, formatNumber, formatRatio, renderTable } from "../common/table.js";

const MIB = 2 ** 20;

/** @param head where it ran */
export function peersText(results: PeersResults, head: string): string {
  const { rows, heaps, missing, interrupted } = results;
  const loads = [...new Set(rows.map(({ load }) => load))];
  const parts = [wrap(head), ""];
  parts.push(...heaps.map(({ name, about }) => wrap(`${name}: ${about}`)));
  parts.push(...missing.map(({ heap, message }) => wrap(`${heap} is not measured: ${message}`)));
  for (const load of loads) {
    const own = rows.filter((row) => row.load === load);
    parts.push(title(load), loadTable(own), ...notes(own));
  }
  parts.push(title(`time of each heap over that of ${results.ours}`), ratioTable(results));
  if (interrupted) parts.push("", "Interrupted: this is what was measured until then.");
  return `${parts.join("\n")}\n`;
}

function loadTable(rows: readonly PeerRow[]): string {
  return renderTable({
    head: ["heap", "CPUs", "per operation", "net", "p99.9", "slowest", "MiB", "over ours"],
    rows: rows.map((row) => [
      ...[row.heap, `${row.cpus} ${row.state}`, formatNs(row.nsPerOp)],
      ...[row.netNs?.median ?? null, row.p99_9, row.slowest].map(formatNumber),
      formatNumber(row.peakBytes === null ? null : row.peakBytes / MIB),
      formatRatio(row.ratioToOurs),
    ]),
  });
}

function notes(rows: readonly PeerRow[]): string[] {
  return rows.flatMap(({ heap, cpus, state, note }) =>
    note === null ? [] : [wrap(`${heap}, ${cpus} CPUs, ${state}: ${note}`)],
  );
}

function ratioTable({ rows, heaps, ours }: PeersResults): string {
  const others = heaps.map(({ name }) => name).filter((name) => name !== ours && name !== "null");
  const keys = [
    ...new Set(rows.map(({ load, cpus, state }) => JSON.stringify([load, cpus, state]))),
  ];
  return renderTable({
    head: ["load", "CPUs", ...others],
    rows: keys.flatMap((key) => {
      const [load, cpus, state] = JSON.parse(key) as [string, number, string];
      const same = rows.filter((row) => {
        return row.load === load && row.cpus === cpus && row.state === state;
      });
      const cells = others.map((heap) => ratioCell(same.find((row) => row.heap === heap)));
      return cells.every((cell) => cell === EMPTY_CELL)
        ? []
        : [[load, `${cpus} ${state}`, ...cells]];
    }),
  });
}

function ratioCell(row: PeerRow | undefined): string {
  if (row === undefined) return EMPTY_CELL;
  return formatRatio(row.ratioToOurs);
}
