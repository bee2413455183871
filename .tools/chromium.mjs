/**
 * Finds a Chromium to drive: `findChromium()` gives the launch options for playwright.
 *
 * On Linux x64 it is the one inside the npm package @sparticuz/chromium, unpacked to the temporary
 * folder on first use, so a bare clone needs no system package. Elsewhere it is an installed Chrome
 * or Chromium. `SLABLAB_CHROME=/path/to/chrome` wins over both.
 */
import { existsSync } from "node:fs";
import { env, platform } from "node:process";

/** No sandbox: containers have none. The rest keeps the browser from talking to anyone. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const INSTALLED = {
  linux: ["/usr/bin/google-chrome", "/usr/bin/chromium", "/usr/bin/chromium-browser"],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: [
    `${env.PROGRAMFILES}\\Google\\Chrome\\Application\\chrome.exe`,
    `${env["PROGRAMFILES(X86)"]}\\Google\\Chrome\\Application\\chrome.exe`,
    `${env.LOCALAPPDATA}\\Google\\Chrome\\Application\\chrome.exe`,
  ],
};

/** Launch options `{ executablePath, args, env }`; throws with one sentence if there is none. */
export async function findChromium() {
  const chosen = env.SLABLAB_CHROME;
  if (chosen && !existsSync(chosen)) {
    throw new Error(`expected SLABLAB_CHROME to name a browser, but there is no file ${chosen}`);
  }
  if (chosen) return { executablePath: chosen, args: ARGS };
  if (platform === "linux" && process.arch === "x64") return unpackChromium();
  const executablePath = (INSTALLED[platform] ?? []).find((path) => existsSync(path));
  if (executablePath !== undefined) return { executablePath, args: ARGS };
  throw new Error(
    `expected Chrome or Chromium, found none on ${platform} ${process.arch}; ` +
      "install Chrome or set SLABLAB_CHROME=/path/to/chrome",
  );
}

async function unpackChromium() {
  const before = { ...env };
  // Read while the package is loaded: makes it bring its own copies of the system libraries.
  env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs20.x";
  try {
    const { default: chromium } = await import("@sparticuz/chromium");
    const executablePath = await chromium.executablePath();
    return { executablePath, args: ARGS, env: { ...env } };
  } finally {
    // Its LD_LIBRARY_PATH is for the browser alone, not for every process that is started here.
    for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
    Object.assign(env, before);
  }
}
