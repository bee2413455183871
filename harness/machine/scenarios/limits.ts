/** What the numbers of a scenario may be: beyond them there is no heap, or nothing to see. */
import { SLEEP_FIBRES_MAX } from "../policies/dfs.js";

interface Limit {
  readonly min: number;
  readonly max: number;
  readonly what: string;
}

/** As many CPUs, and tasks, as a sleep set of the exhaustive policy has bits for. */
const CPUS_MAX = SLEEP_FIBRES_MAX;
const NODES_MAX = 8;
const MIB_MAX = 1024;

const LIMITS = {
  bytes: { min: 1, max: 4 * 2 ** 20, what: "bytes of an object" },
  cpu: { min: 0, max: CPUS_MAX - 1, what: "the CPU of a task" },
  tasks: { min: 0, max: CPUS_MAX, what: "tasks" },
  nmi: { min: 0, max: CPUS_MAX - 1, what: "the task that gets NMIs" },
  min: { min: 0, max: 1000, what: "min: empty slabs that a node keeps" },
  sheaf: { min: 0, max: 60, what: "sheaf: objects in a sheaf" },
  barn: { min: 0, max: 1000, what: "barn: full sheaves" },
  stack: { min: 1, max: 1000, what: "stack: full sheaves of a CPU" },
  part: { min: 0, max: 1000, what: "part: percpu partial slabs" },
  cpus: { min: 1, max: CPUS_MAX, what: "cpus" },
  nodes: { min: 1, max: NODES_MAX, what: "nodes" },
  pages: { min: 0, max: MIB_MAX * 256, what: "pages that are free" },
  mib: { min: 1, max: MIB_MAX, what: "mib of memory" },
  kib: { min: 64, max: MIB_MAX * 1024, what: "kib of memory" },
  start: { min: 0, max: MIB_MAX, what: "start: MiB of memory at first" },
  limit: { min: 0, max: MIB_MAX, what: "limit: MiB of memory at most" },
  fail: { min: 0, max: 1e6, what: "fail: the allocation that fails" },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;

/** @returns what was expected instead; null: the number is one that can be */
export function outOfRange(name: LimitName, value: number): string | null {
  const { min, max, what } = LIMITS[name];
  if (value >= min && value <= max) return null;
  return `expected ${what} in ${min}..${max}, got ${value}`;
}
