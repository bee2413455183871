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
import type { PeerPackage } from "../../heap/peer-packages.js";
import { fileOfTar } from "./tar.js";

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
        `${found}: it is not the package that was pinned and is not run; delete the file and try ` +
        "again",
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
  await run("npm", [...args, "--ignore-scripts", "--loglevel=error"], options);
}
