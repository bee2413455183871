/**
 * Goal: the page of bench --html shows its plots from a disk, in both themes, without a complaint.
 * Method: a page made of results written by hand, in Chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright";
import { benchHtml } from "slablab/internal/report/bench/bench-html.js";
import { afterAll, expect, test } from "vitest";
import { findChromium } from "../../.tools/chromium.mjs";
import { resultsOf, runOf, steady, variantOf } from "../unit/support/bench.js";

const FOLDER = mkdtempSync(join(tmpdir(), "slablab-page-"));
const FILE = join(FOLDER, "page.html");

afterAll(() => rmSync(FOLDER, { recursive: true }));

test("three plots are drawn, light and dark, and nothing is asked of a network", async () => {
  const run = runOf(...[1, 2].map((cpus) => variantOf("fused", steady(50, cpus))));
  writeFileSync(FILE, benchHtml(resultsOf(run), null, "somewhere"));
  const browser = await chromium.launch({ ...(await findChromium()), headless: true });
  try {
    const complaints: string[] = [];
    const backgrounds = new Set<string>();
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ colorScheme });
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        if (/^(https?|ws)/.test(request.url())) complaints.push(request.url());
      });
      await page.goto(pathToFileURL(FILE).href);
      expect(await page.locator("figure canvas").count()).toBe(3);
      const width = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(width).toBeLessThanOrEqual(0);
      backgrounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
    }
    expect(complaints).toEqual([]);
    expect(backgrounds.size).toBe(2);
  } finally {
    await browser.close();
  }
});
