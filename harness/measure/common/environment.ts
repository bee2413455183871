/**
 * Where a measurement was made: runtime, machine, isolation, clock, and which Slablab.
 *
 * Every report carries it, because a number without its machine means nothing. Works on Node, Deno,
 * Bun and in browsers; what a runtime does not tell is null, never guessed.
 */
import { type Clock, measureResolutionNs, systemClock } from "./clock.js";

export interface Environment {
  readonly slablab: { readonly version: string | null; readonly commit: string | null };
  readonly runtime: {
    readonly name: string;
    readonly version: string;
    readonly v8: string | null;
    /** Flags the runtime was started with: they change how wasm is compiled. */
    readonly flags: readonly string[];
  };
  readonly os: {
    readonly platform: string;
    readonly release: string | null;
    readonly arch: string;
  };
  readonly cpu: { readonly model: string | null; readonly cores: number };
  /** Mean number of runnable threads during the last minute; null where unknown. */
  readonly loadAverage: number | null;
  /** Whether this page may share memory with Workers; null outside browsers: it always may. */
  readonly crossOriginIsolated: boolean | null;
  readonly timerResolutionNs: number;
}

/** Reads the environment as it is now. */
export function readEnvironment(clock: Clock = systemClock): Environment {
  const timerResolutionNs = measureResolutionNs(clock);
  const os = nodeModule("node:os");
  if (os === null) return readBrowser(timerResolutionNs);
  return {
    slablab: { version: packageVersion(), commit: gitCommit() },
    runtime: {
      ...readRuntime(),
      v8: process.versions["v8"] ?? null,
      flags: process.execArgv.filter((flag) => flag.startsWith("--")),
    },
    os: { platform: process.platform, release: os.release(), arch: process.arch },
    cpu: { model: os.cpus()[0]?.model.trim() || null, cores: os.availableParallelism() },
    // Windows has no load average and reports 0.
    loadAverage: process.platform === "win32" ? null : (os.loadavg()[0] ?? null),
    crossOriginIsolated: null,
    timerResolutionNs,
  };
}

/** One line for the head of a text report; the seed belongs to it, as it names the run. */
export function describeEnvironment(environment: Environment, seed: number): string {
  const { slablab, runtime, os, cpu, loadAverage, crossOriginIsolated } = environment;
  const commit = slablab.commit === null ? "" : ` (${slablab.commit})`;
  const parts = [
    `slablab ${slablab.version ?? "unknown"}${commit}`,
    `${runtime.name} ${runtime.version}`,
    runtime.v8 === null ? "" : `V8 ${runtime.v8}`,
    runtime.flags.join(" "),
    `${os.platform} ${os.arch}`,
    `${cpu.cores} x ${cpu.model ?? "unknown CPU"}`,
    loadAverage === null ? "" : `load ${loadAverage.toFixed(2)}`,
    crossOriginIsolated === false ? "not cross-origin isolated" : "",
    `timer ${formatResolution(environment.timerResolutionNs)}`,
    `seed 0x${seed.toString(16)}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** The version in package.json, or null where files cannot be read. */
export function packageVersion(): string | null {
  const fs = nodeModule("node:fs");
  if (fs === null) return null;
  const text = fs.readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version?: unknown };
  return typeof version === "string" ? version : null;
}

let commitHere: string | null | undefined;

/**
 * The commit of a checkout, with `+` if files differ from it; null for an installed package. Asked
 * once: this process runs what it has loaded, whatever becomes of the files meanwhile.
 */
function gitCommit(): string | null {
  if (commitHere === undefined) commitHere = askGit();
  return commitHere;
}

function askGit(): string | null {
  const fs = nodeModule("node:fs");
  const path = nodeModule("node:path");
  const childProcess = nodeModule("node:child_process");
  const url = nodeModule("node:url");
  if (fs === null || path === null || childProcess === null || url === null) return null;
  const root = url.fileURLToPath(new URL("../../..", import.meta.url));
  // Asked first: inside somebody's node_modules, git would answer with *their* commit.
  if (!fs.existsSync(path.join(root, ".git"))) return null;
  const git = (...args: string[]) =>
    childProcess
      .execFileSync("git", ["-C", root, ...args], { stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim();
  try {
    const commit = git("rev-parse", "--short=12", "HEAD");
    return git("status", "--porcelain") === "" ? commit : `${commit}+`;
  } catch {
    // No git on this machine, or no commit yet.
    return null;
  }
}

function readRuntime(): { name: string; version: string } {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return { name: "Bun", version: bun };
  if (deno !== undefined) return { name: "Deno", version: deno };
  return { name: "Node", version: node ?? "unknown" };
}

function readBrowser(timerResolutionNs: number): Environment {
  const { userAgent, hardwareConcurrency } = navigator;
  const known = /(Firefox|Edg|Chrome|Version)\/([\d.]+)/.exec(userAgent);
  const name = known?.[1] === "Version" ? "Safari" : (known?.[1] ?? "browser");
  return {
    slablab: { version: null, commit: null },
    runtime: { name, version: known?.[2] ?? userAgent, v8: null, flags: [] },
    os: {
      platform: /\(([^)]*)\)/.exec(userAgent)?.[1] ?? "unknown",
      release: null,
      arch: "wasm32",
    },
    cpu: { model: null, cores: hardwareConcurrency },
    loadAverage: null,
    crossOriginIsolated: globalThis.crossOriginIsolated,
    timerResolutionNs,
  };
}

function formatResolution(resolutionNs: number): string {
  if (!Number.isFinite(resolutionNs)) return "stands still";
  const us = resolutionNs / 1000;
  return us < 1 ? `${Math.round(resolutionNs)} ns` : `${Number(us.toPrecision(3))} us`;
}

/** A built-in module of Node, Deno or Bun, or null in a browser, without an import to bundle. */
function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | null {
  const host = (globalThis as { process?: NodeJS.Process }).process;
  return (host?.getBuiltinModule?.(name) as NodeModules[Name] | undefined) ?? null;
}

interface NodeModules {
  "node:os": typeof import("node:os");
  "node:fs": typeof import("node:fs");
  "node:path": typeof import("node:path");
  "node:url": typeof import("node:url");
  "node:child_process": typeof import("node:child_process");
}
