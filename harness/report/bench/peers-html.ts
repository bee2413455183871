/** What the page of `slablab bench --peers --html FILE` says: numbers and plots of each load. */
import type { PeerRow, PeersResults } from "../../measure/peers/peer-row.js";
import type { Estimate } from "../../measure/common/statistics.js";
import { escapeHtml, figures, htmlPage, list, table } from "./bench-page.js";
import type { PagePlot } from "./bench-page-script.js";
import { groupedWarnings } from "./bench-text.js";
import { GROSS, PEER_COLUMNS, isGrossAlone, peerCells, placeOf } from "./peers-text.js";

/** @param head where it ran */
export function peersHtml(results: PeersResults, head: string): string {
  const { rows, heaps, missing, ours, warnings, interrupted } = results;
  const loads = [...new Set(rows.map(({ load }) => load))];
  const plots = loads.flatMap((load) => loadPlots(results, load));
  const sections = loads.map((load) => {
    const own = rows.filter((row) => row.load === load);
    const notes = own.flatMap(({ heap, note, ...row }) =>
      note === null ? [] : [`${heap}, ${placeOf(row)}: ${note}`],
    );
    if (own.some(isGrossAlone)) notes.push(GROSS);
    const places = plots.filter(({ id }) => id.startsWith(`${load}-`));
    const content = `${table(PEER_COLUMNS, own.map(peerCells))}${figures(places, load)}`;
    return `<section><h2>${escapeHtml(load)}</h2>${content}${list("", notes)}</section>`;
  });
  const remarks = [
    ...(interrupted ? ["Interrupted: this is what was measured until then."] : []),
    `Ratios are times of a heap over those of ${ours}: above 1, ${ours} is faster.`,
    ...heaps.map(({ name, about }) => `${name}: ${about}`),
    ...missing.map(({ heap, message }) => `${heap} is not measured: ${message}`),
    ...groupedWarnings(warnings),
  ];
  const body = [
    `<h1>slablab bench --peers</h1><p class="head">${escapeHtml(head)}</p>`,
    list("Heaps", remarks),
    ...sections,
  ].join("\n");
  return htmlPage({ title: "slablab bench --peers", body, plots });
}

function loadPlots({ rows, heaps, ours }: PeersResults, load: string): PagePlot[] {
  const own = rows.filter((row) => row.load === load);
  const places = [...new Set(own.map(placeOf))];
  const names = heaps.map(({ name }) => name);
  const others = names.filter((name) => name !== ours && name !== "null");
  const plot = (id: string, title: string, yLabel: string): Omit<PagePlot, "series"> => ({
    ...{ id: `${load}-${id}`, title, yLabel, xLabel: "CPUs", isLogarithmic: true },
    ...{ x: places.map((_, index) => index), xNames: places },
  });
  const series = (of: readonly string[], value: (row: PeerRow) => Estimate | null) =>
    of.map((name) => ({
      name,
      values: places.map((place) => {
        const row = own.find((each) => each.heap === name && placeOf(each) === place);
        const median = row === undefined ? null : (value(row)?.median ?? null);
        // A logarithm has no zero, and noise may make a net time less.
        return median === null ? null : Math.max(0.001, median);
      }),
    }));
  const alone = (value: number | null) =>
    value === null ? null : { median: value, low: value, high: value };
  return [
    {
      ...plot("times", "time of an operation", "ns per operation"),
      series: series(names, (row) => row.nsPerOp),
    },
    {
      ...plot("tails", "p99.9 of chunks", "ns per operation"),
      series: series(names, (row) => alone(row.p99_9)),
    },
    {
      ...plot("ratios", `time over that of ${ours}`, "ratio"),
      series: series(others, (row) => row.ratioToOurs),
    },
  ];
}
