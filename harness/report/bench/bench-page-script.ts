/**
 * The script of the page that `--html` writes. It is put into the page as text
 * (`drawPlots.toString()`), so the function uses nothing but what it is given and the browser.
 */
import type uPlotClass from "uplot";

interface PageSeries {
  readonly name: string;
  /** null: nothing at this x. */
  readonly values: readonly (number | null)[];
}

export interface PagePlot {
  /** The element it is drawn into. */
  readonly id: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly isLogarithmic: boolean;
  readonly x: readonly number[];
  /** Under these x; empty: the numbers themselves. */
  readonly xNames: readonly string[];
  readonly series: readonly PageSeries[];
}

/** Draws every plot into its element, and again when the theme or the width changes. */
export function drawPlots(plots: readonly PagePlot[], uPlot: typeof uPlotClass): void {
  const HEIGHT = 300;
  const COLOURS = 8;
  const colour = (name: string) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (value: number | null) => (value === null ? "-" : `${+value.toPrecision(4)}`);
  const drawn = plots.flatMap((plot) => {
    const element = document.getElementById(plot.id);
    if (element === null) return [];
    const named = plot.xNames.length > 0;
    const nameOf = (x: number | null) =>
      x === null ? "-" : (plot.xNames[plot.x.indexOf(x)] ?? short(x));
    const axis = { stroke: () => colour("--ink"), grid: { stroke: () => colour("--line") } };
    const chart = new uPlot(
      {
        title: plot.title,
        width: element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { distr: plot.isLogarithmic ? 3 : 1 } },
        axes: [
          {
            ...axis,
            label: plot.xLabel,
            ...(named ? { splits: () => [...plot.x] } : { incrs: [1, 2, 5, 10, 20, 50, 100, 500] }),
            values: (_: unknown, splits: number[]) => splits.map((x) => nameOf(x)),
          },
          {
            ...axis,
            label: plot.yLabel,
            size: 70,
            values: (_: unknown, splits: (number | null)[]) =>
              splits.map((y) => (y === null ? "" : short(y))),
          },
        ],
        series: [
          { label: plot.xLabel, value: (_: unknown, x: number | null) => nameOf(x) },
          ...plot.series.map(({ name }, index) => ({
            label: name,
            stroke: () => colour(`--series-${index % COLOURS}`),
            width: 2,
            dash: index >= COLOURS ? [6, 4] : [],
            spanGaps: true,
            points: { show: named },
            value: (_: unknown, y: number | null) => short(y),
          })),
        ],
      },
      [[...plot.x], ...plot.series.map(({ values }) => [...values])],
      element,
    );
    return [{ chart, element }];
  });
  const redraw = () => {
    for (const { chart, element } of drawn) {
      chart.setSize({ width: element.clientWidth, height: HEIGHT });
      chart.redraw(false, true);
    }
  };
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
