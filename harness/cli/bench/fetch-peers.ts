/**
 * Fetches the packages that heaps of others come out of: with npm, once, into `.slablab/peers`,
 * and checked against their hashes each time before anything of them runs.
 *
 * `npm pack` brings a package whatever machine it says it is for; where from is npm's own
 * configuration.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { compileBuild } from "../../heap/load.js";
import type { PeerName } from "../../workload/peers/other-heap.js";
import { PEER_PACKAGES, type PeerPackage } from "../../heap/peer-packages.js";
import { fileOfTar } from "./tar.js";

/** Where packages are kept, from the working directory. */
const FOLDER = join(".slablab", "peers");
/** npm by itself tries for minutes. */
const FETCH_MS = 120_000;
const run = promisify(execFile);

/** `wasm-vips-0.0.19.tgz`: what npm pack calls it. */
export function tarballOf({ name, version }: PeerPackage, folder = FOLDER): string {
  return join(folder, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
}

/** The command that fetches a package. */
export function fetchCommand({ name, version }: PeerPackage, folder = FOLDER): string {
  return `npm pack ${name}@${version} --pack-destination ${folder}`;
}

/**
 * The wasm of a package that is there. @returns null if it is not
 * @throws Error if what is there is not what was pinned
 */
export async function readPeer(from: PeerPackage, folder = FOLDER): Promise<Uint8Array | null> {
  const file = tarballOf(from, folder);
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (bytes === null) return null;
  const found = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  if (found !== from.integrity) {
    throw new Error(
      `${file}: expected ${from.name} ${from.version} of hash ${from.integrity}, got one of ` +
        `${found}: it is not the package that was pinned, and is not run; delete the file`,
    );
  }
  return fileOfTar(gunzipSync(bytes), from.file);
}

/** Fetch a package with npm. @throws Error with what npm said */
export async function fetchPeer(from: PeerPackage, folder = FOLDER): Promise<void> {
  await mkdir(folder, { recursive: true });
  const isWindows = process.platform === "win32";
  const args = ["pack", `${from.name}@${from.version}`, "--pack-destination", folder];
  // On Windows npm is a script, which only a shell can start.
  const options = { timeout: FETCH_MS, shell: isWindows };
  try {
    await run("npm", [...args, "--ignore-scripts", "--loglevel=error"], options);
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    const [said = message] = stderr.split("\n").filter((line) => line.trim() !== "");
    throw new Error(`${from.name} ${from.version} is missing and npm could not fetch it: ${said}`);
  }
}

/**
 * The program with the heap `name`: compiled with this package, or out of one that is fetched if
 * it is not there.
 *
 * @param say told what is fetched
 * @returns a sentence on what is missing and how to get it, if it cannot be had
 */
export async function findPeer(
  name: PeerName,
  say: (text: string) => unknown,
  folder = FOLDER,
): Promise<WebAssembly.Module | string> {
  const from = PEER_PACKAGES[name];
  if (from === undefined) return compileBuild(name as "tlsf");
  try {
    let wasm = await readPeer(from, folder);
    if (wasm === null) {
      const mb = (from.bytes / 1e6).toFixed(1);
      say(`fetching ${from.name} ${from.version} (${mb} MB) with npm, once`);
      await fetchPeer(from, folder);
      wasm = await readPeer(from, folder);
    }
    if (wasm !== null) return await WebAssembly.compile(wasm as BufferSource);
    return `npm brought no ${from.name} ${from.version}; try ${fetchCommand(from, folder)}`;
  } catch (error) {
    const said = error instanceof Error ? error.message.trim() : String(error);
    return `${said}; try ${fetchCommand(from, folder)}`;
  }
}
