/** A folder served as a web site, and pages of it opened in Chromium. */
import { type Browser, chromium } from "playwright";
import { createServer, preview } from "vite";
import { findChromium } from "../../../.tools/chromium.mjs";

/** What the README tells people to send: for the page and for the scripts of Workers. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The strictest policy that the README says is enough. */
export const POLICY = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
    "connect-src 'self'; img-src data:",
};

export interface Page {
  /** What the page wrote into #out once it no longer says "running". */
  readonly text: string;
  /** Messages of warning and error, exceptions, and requests that failed. */
  readonly complaints: readonly string[];
  /** Scripts of the Workers it started. */
  readonly workers: readonly string[];
}

export interface Site {
  open(path: string): Promise<Page>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 300_000;

/** Serve the production build of `root`, with these headers. */
export async function serveBuild(root: string, headers: Record<string, string>): Promise<Site> {
  const address = { headers, port: 0, host: "127.0.0.1" };
  return browse(await preview({ root, configFile: false, logLevel: "silent", preview: address }));
}

/** Serve `root` as Vite does in development. */
export async function serveSources(root: string, headers: Record<string, string>): Promise<Site> {
  const address = { headers, port: 0, host: "127.0.0.1" };
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    server: address,
  });
  return browse(await server.listen());
}

interface Server {
  readonly resolvedUrls: { readonly local: readonly string[] } | null;
  close(): Promise<void>;
}

async function browse(server: Server): Promise<Site> {
  const browser = await chromium.launch(await findChromium());
  const base = server.resolvedUrls?.local[0] ?? "";
  return {
    open: (path) => open(browser, new URL(path, base).href),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

async function open(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const workers: string[] = [];
  page.on("console", (message) => {
    if (/warning|error/.test(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`not loaded: ${request.url()}`));
  page.on("worker", (worker) => workers.push(worker.url()));
  await page.goto(url);
  const out = page.locator("#out");
  await out.filter({ hasNotText: /^running$/ }).waitFor({ timeout: TIMEOUT_MS });
  const text = (await out.textContent()) ?? "";
  await page.close();
  return { text, complaints, workers };
}
