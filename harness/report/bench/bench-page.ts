/**
 * The page that `slablab bench --html FILE` writes: one file, with the numbers, the plots and the
 * library that draws them. It opens from a disk, asks no network for anything, and follows the
 * reader's light or dark theme.
 */
import { readFileSync } from "node:fs";
import { type PagePlot, drawPlots } from "./bench-page-script.js";

interface PageParts {
  readonly title: string;
  /** HTML; an element with a plot's `id` is where that plot is drawn. */
  readonly body: string;
  readonly plots: readonly PagePlot[];
}

export function htmlPage({ title, body, plots }: PageParts): string {
  const { script, style } = readPlotter();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
<style>${STYLE}</style>
</head>
<body>
${body}
<script type="application/json" id="plots">${scriptJson(plots)}</script>
<script>${LANGUAGE}</script>
<script>${script}</script>
<script>
const plots = JSON.parse(document.getElementById("plots").textContent);
(${drawPlots.toString()})(plots, uPlot);
</script>
</body>
</html>
`;
}

/** Places of plots, in order. */
export function figures(plots: readonly PagePlot[], of: string): string {
  return plots
    .map(({ id, title }) => {
      const label = escapeHtml(`${of}: ${title}`);
      return `<figure id="${escapeHtml(id)}" aria-label="${label}"></figure>`;
    })
    .join("");
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((cells) => line(cells, "td")).join("\n");
  const parts = `<thead>${line(head, "th")}</thead><tbody>${body}</tbody>`;
  return `<div class="wide"><table>${parts}</table></div>`;
}

export function list(heading: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const title = heading === "" ? "" : `<h2>${escapeHtml(heading)}</h2>`;
  return `${title}<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => ENTITIES[letter] ?? letter);
}

/** JSON that cannot end the script it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function readPlotter(): { script: string; style: string } {
  // Where .tools/vendor.mjs puts it.
  const vendor = new URL("../../vendor/", import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, vendor), "utf8");
  return { script: read("uPlot.iife.min.js"), style: read("uPlot.min.css") };
}

/** Under LC_ALL=C, Chromium names a language that Intl refuses, and uPlot asks Intl at once. */
const LANGUAGE = `
try { new Intl.NumberFormat(navigator.language) }
catch { Object.defineProperty(navigator, "language", { value: "en-US" }) }
`;

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1c1f24; --paper: #ffffff; --line: #dcdfe4; --quiet: #5b6270;
  --series-0: #1f6fd6; --series-1: #c4500c; --series-2: #17803d; --series-3: #a3238e;
  --series-4: #8a6a00; --series-5: #0b7f8c; --series-6: #c02942; --series-7: #5b4bc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8ec; --paper: #15181d; --line: #343a44; --quiet: #9aa3b2;
    --series-0: #6cb0ff; --series-1: #ff9a57; --series-2: #5fd38a; --series-3: #f08adf;
    --series-4: #e3c04d; --series-5: #55cfdd; --series-6: #ff8094; --series-7: #a99bff;
  }
}
body {
  margin: 2rem auto; max-width: 82rem; padding: 0 1rem;
  background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.head { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; }
.uplot, .u-legend { max-width: 100%; }
.u-legend { font-size: 13px; white-space: normal; }
`;
