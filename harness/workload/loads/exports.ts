/** The exports of a load, as the harness calls them (assembly/workload/load/load.ts). */

export interface LoadCalls {
  init(block: number, cpu: number, cpus: number, seed: number): void;
  parameter(block: number, index: number, value: number): void;
  /** Returns where the arrays lay before. */
  arrays(block: number, arrays: number): number;
  shared(block: number, shared: number): void;
  failed(block: number): number;
  remote(block: number): number;
  damaged(block: number): number;
  blockBytes(): number;

  bytes(block: number): number;
  sharedBytes(block: number): number;
  share(block: number): void;
  prepare(block: number): void;
  phase(block: number, steps: number): number;
  release(block: number): void;
}

/** @throws TypeError if the module has no such load */
export function loadCalls(exports: Readonly<Record<string, unknown>>, prefix: string): LoadCalls {
  const pick = (name: string) => {
    const { [name]: call } = exports;
    if (typeof call === "function") return call as (...args: number[]) => number;
    throw new TypeError(`expected a module with the load ${prefix}, got one without ${name}`);
  };
  const pickOr = (name: string, otherwise: (...args: number[]) => number) =>
    name in exports ? pick(name) : otherwise;
  return {
    init: pick("load_init"),
    parameter: pick("load_parameter"),
    arrays: pick("load_arrays"),
    shared: pick("load_shared"),
    failed: pick("load_failed"),
    remote: pick("load_remote"),
    damaged: pick("load_damaged"),
    blockBytes: pick("load_bytes"),
    bytes: pick(`${prefix}_bytes`),
    sharedBytes: pickOr(`${prefix}_shared_bytes`, () => 0),
    share: pickOr(`${prefix}_share`, () => 0),
    prepare: pick(`${prefix}_prepare`),
    phase: pick(`${prefix}_phase`),
    release: pick(`${prefix}_release`),
  };
}
