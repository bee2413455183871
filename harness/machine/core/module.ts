/** An instrumented module, ready to become simulated CPUs. */
import { readFileSync } from "node:fs";
import { SITE_KINDS, type SiteTable, parseSiteTable } from "../instrument/sites.js";
import { UnsupportedError } from "../../heap/errors.js";

export interface MachineModule {
  readonly module: WebAssembly.Module;
  readonly table: SiteTable;
  /** By site number: index into SITE_KINDS, and bytes. */
  readonly kinds: Uint8Array;
  readonly widths: Uint8Array;
  /** 1: its address is formed from `this_cpu` when it happens. */
  readonly thisCpu: Uint8Array;
  /** 1: a task may be moved to another CPU right before it (instrument/fast-path.ts). */
  readonly survivesMove: Uint8Array;
}

export function makeMachineModule(wasm: BufferSource, table: SiteTable): MachineModule {
  return {
    module: new WebAssembly.Module(wasm),
    table,
    kinds: Uint8Array.from(table.sites, ({ kind }) => SITE_KINDS.indexOf(kind)),
    widths: Uint8Array.from(table.sites, ({ width }) => width),
    thisCpu: Uint8Array.from(table.sites, ({ isThisCpu }) => Number(isThisCpu)),
    survivesMove: Uint8Array.from(table.sites, ({ survivesMove }) => Number(survivesMove)),
  };
}

export type MachineBuild = "model" | "release" | "selftest";

const loaded = new Map<MachineBuild, Promise<MachineModule>>();

/** The instrumented form of a build, as the package brings it. */
export function loadMachineModule(build: MachineBuild): Promise<MachineModule> {
  const known = loaded.get(build);
  if (known !== undefined) return known;
  const loading = readModule(build);
  loaded.set(build, loading);
  return loading;
}

/** Hash of a build, which its schedules name; null: the package was not built whole. */
export function machineBuildHash(build: MachineBuild): string | null {
  try {
    return parseSiteTable(readFileSync(urlsOf(build)[1], "utf8")).build;
  } catch {
    return null;
  }
}

/** Where everything that the machine runs lies, whether it is there or not. */
export function machineUrls(): URL[] {
  return (["selftest", "model", "release"] as const).flatMap((build) => urlsOf(build));
}

/** The instrumented module of a build, and the table of its sites. */
function urlsOf(build: MachineBuild): [URL, URL] {
  const at = (end: string) => new URL(`../../wasm/machine/${build}.${end}`, import.meta.url);
  return [at("wasm"), at("sites.json")];
}

async function readModule(build: MachineBuild): Promise<MachineModule> {
  const { readFile } = await import("node:fs/promises");
  const [code, sites] = urlsOf(build);
  try {
    const wasm = await readFile(code);
    const table = parseSiteTable(await readFile(sites, "utf8"));
    return makeMachineModule(Uint8Array.from(wasm), table);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    throw new UnsupportedError(
      `the machine: expected the instrumented build ${build}, got none; try npm run build`,
    );
  }
}
