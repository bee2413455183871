/**
 * Goal: nothing of a package runs that is not the one that was pinned, and what is missing is said.
 * Method: packages made here, in a folder of their own; npm is taken away, so nothing is fetched.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  fetchCommand,
  findPeer,
  readPeer,
  tarballOf,
} from "slablab/internal/cli/bench/fetch-peers.js";
import { PEER_PACKAGES } from "slablab/internal/heap/peer-packages.js";
import { afterAll, afterEach, expect, test, vi } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "slablab-peers-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

/** A tar archive as npm writes it: a header of 512 bytes, the content, zeroes up to 512. */
function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${text.length.toString(8).padStart(11, "0")}\0`, 124);
    const content = Buffer.alloc(Math.ceil(text.length / 512) * 512);
    content.write(text);
    return [header, content];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const tarball = gzipSync(tarOf({ "package/package.json": "{}", "package/heap": "x".repeat(600) }));
const own = {
  ...{ name: "@some/heap", version: "1.2.3", file: "package/heap", bytes: tarball.length },
  integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
};

test("a package that is there and is the pinned one gives its file", async () => {
  expect(tarballOf(own, folder)).toBe(join(folder, "some-heap-1.2.3.tgz"));
  writeFileSync(tarballOf(own, folder), tarball);
  const bytes = await readPeer(own, folder);
  expect(Buffer.from(bytes ?? []).toString()).toBe("x".repeat(600));
  await expect(readPeer({ ...own, file: "package/other" }, folder)).rejects.toThrow(
    "expected package/other in the package, got none",
  );
});

test("one of another hash is refused with a sentence that names both", async () => {
  const changed = gzipSync(tarOf({ "package/heap": "y" }));
  writeFileSync(tarballOf(own, folder), changed);
  const refused = await readPeer(own, folder).catch(String);
  expect(refused).toContain(`expected @some/heap 1.2.3 of hash ${own.integrity}, got`);
  expect(refused).toMatch(/got one of sha512-\S+: .* is not run; delete the file/);
});

test("one that is not there is null", async () => {
  await expect(readPeer({ ...own, version: "9.9.9" }, folder)).resolves.toBe(null);
});

test.each(Object.keys(PEER_PACKAGES))(
  "without %s the sentence says how to get it",
  async (name) => {
    const empty = join(folder, `empty-${name}`);
    mkdirSync(empty);
    vi.stubEnv("PATH", empty);
    const said: string[] = [];
    const found = await findPeer(name as never, (text) => said.push(text), empty);
    const from = PEER_PACKAGES[name];
    if (from === undefined) throw new Error("expected a package");
    expect(said.join()).toContain(`fetching ${from.name} ${from.version}`);
    expect(found).toContain(`${from.name} ${from.version} is missing`);
    expect(found).toContain(`try ${fetchCommand(from, empty)}`);
  },
);

test("each package is pinned by version and by a whole sha512", () => {
  for (const { version, integrity, file } of Object.values(PEER_PACKAGES)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(Buffer.from(integrity.replace(/^sha512-/, ""), "base64").length).toBe(64);
    expect(file).toMatch(/^package\//);
  }
});
