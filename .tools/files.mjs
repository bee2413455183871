/**
 * Lists files and hashes their contents: what the build script decides staleness by.
 *
 * Contents and not times, because a checkout or a copied tree changes times but not meaning.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files below `dir` for which `keep(path)` holds: relative to `root`, with `/`, sorted. */
export function listFiles(root, dir, keep = () => true) {
  if (!existsSync(join(root, dir))) return [];
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => path.slice(root.length + 1).replaceAll("\\", "/"))
    .filter(keep)
    .sort();
}

/** One hash over the names and contents of `paths`; a missing file counts as absent. */
export function hashFiles(root, paths, extra = "") {
  const hash = createHash("sha256").update(extra);
  for (const path of paths) {
    const full = join(root, path);
    hash.update(`\0${path}\0`).update(existsSync(full) ? readFileSync(full) : "\0absent");
  }
  return hash.digest("hex");
}
