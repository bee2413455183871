/**
 * What setup.ts prepares beside the tests of other projects: the tests of this one wait for it.
 */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";

export interface Packed {
  /** Folder of a project with the tarball, the smoke suite and the app. */
  readonly project: string;
  /** Folder of the installed runtimes' packages. */
  readonly runtimes: string;
  /** The tarball's files, by path, and its size in bytes. */
  readonly tarball: { readonly files: readonly string[]; readonly size: number };
}

declare module "vitest" {
  export interface ProvidedContext {
    /** The file that says how the preparation ended, once it has. */
    readonly packed: string;
  }
}

const POLL_MS = 50;

/** Wait until everything is installed. Throws what made that fail. */
export async function packed(): Promise<Packed> {
  const file = inject("packed");
  while (!existsSync(file)) await sleep(POLL_MS);
  const { failure, ...prepared } = JSON.parse(readFileSync(file, "utf8"));
  if (failure !== undefined) throw new Error(failure);
  return prepared as Packed;
}
