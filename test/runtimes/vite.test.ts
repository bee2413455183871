/**
 * The packed library in Vite's build and on its development server, in Chromium.
 *
 * Goal: who installs the package and bundles it needs no option for it, and the headers and the
 * content security policy that the README names are enough. Method: the app of app/ and the smoke
 * suite and the AudioWorklet of the examples are built by our Vite against the installed tarball
 * and opened under those headers.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packed } from "./support/packed.js";
import { ISOLATION, POLICY, type Site, serveBuild, serveSources } from "./support/page.js";

const { project: root } = await packed();
const sites: Site[] = [];
const warnings: string[] = [];

async function openSite(headers: Record<string, string>, serve = serveBuild): Promise<Site> {
  const site = await serve(root, headers);
  sites.push(site);
  return site;
}

beforeAll(async () => {
  const input = ["index.html", "smoke.html", "audio-worklet/index.html"].map((file) =>
    join(root, file),
  );
  const onwarn = ({ message }: { message: string }) => void warnings.push(message);
  // How long something took on this machine is no fault of the package.
  const checks = { bundlerTimings: false };
  const rolldownOptions = { input, onwarn, checks };
  await build({ root, configFile: false, logLevel: "warn", build: { rolldownOptions } });
});

afterAll(() => Promise.all(sites.map((site) => site.close())));

test("Vite builds it without a warning, and keeps the wasm two files", () => {
  expect(warnings).toEqual([]);
  const assets = readdirSync(join(root, "dist", "assets"));
  const wasm = assets.filter((name) => name.endsWith(".wasm")).map((name) => name.split("-")[0]);
  expect(wasm.sort()).toEqual(["reap", "sheaf"]);
});

test.each([
  ["production", { ...ISOLATION, ...POLICY }, serveBuild],
  ["development", ISOLATION, serveSources],
])("two Workers and the page share a heap in Chromium: %s", async (_, headers, serve) => {
  const site = await openSite(headers, serve);
  const { text, complaints, workers } = await site.open("index.html");
  expect(complaints).toEqual([]);
  expect(JSON.parse(text)).toEqual({
    state: "done",
    crossOriginIsolated: true,
    mayWait: false,
    ids: [1, 2],
    remoteFrees: 20 * 2 * 500,
    findings: [],
  });
  expect(workers).toHaveLength(2);
});

test("the smoke suite passes in Chromium", async () => {
  const site = await openSite({ ...ISOLATION, ...POLICY });
  const { text, complaints } = await site.open("smoke.html");
  expect(complaints).toEqual([]);
  const results = JSON.parse(text) as { name: string; error: string | null }[];
  expect(results.filter(({ error }) => error !== null)).toEqual([]);
  expect(results.map(({ name }) => name)).toContain("two Workers with remote frees (Web Workers)");
});

test("an AudioWorklet allocates and frees, and never waits", async () => {
  const site = await openSite({ ...ISOLATION, ...POLICY });
  const { text, complaints } = await site.open("audio-worklet/index.html");
  expect(complaints).toEqual([]);
  const report = JSON.parse(text);
  // 40 notes of the page and 40 voices of the audio thread, all freed there.
  const counts = { voices: 40, dropped: 0, freed: 80 };
  expect(report).toMatchObject({ state: "done", mayWait: false, findings: [], ...counts });
  expect(report.loudest).toBeGreaterThan(0.1);
});

test("without the headers the page is told which to send", async () => {
  const site = await openSite({});
  const { text } = await site.open("index.html");
  expect(JSON.parse(text)).toMatchObject({ state: "failed" });
  for (const [name, value] of Object.entries(ISOLATION))
    expect(text).toContain(`${name}: ${value}`);
});
