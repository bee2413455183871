/**
 * Heaps of others, beside ours: each lives in a shared memory of its own, is opened once, and
 * every Worker becomes a thread of it. One file here for each; heaps.ts binds loads to them.
 */

/** What a Worker needs to use a heap that somebody opened; can be posted. */
export interface PeerHandle {
  readonly name: PeerName;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Addresses that a Worker is told: of its thread, by CPU, or of what all share. */
  readonly addresses: readonly number[];
}

/** A thread of a heap. */
export interface PeerThread {
  /** Functions of wasm: returns an address, or 0. */
  readonly malloc: (bytes: number) => number;
  readonly free: (p: number) => unknown;
  /** Die, and go on as a new thread, where a heap knows of threads. */
  renew(): void;
}

export const PEER_NAMES = ["mimalloc", "dlmalloc", "tlsf"] as const;
export type PeerName = (typeof PEER_NAMES)[number];

export interface Peer {
  readonly name: PeerName;
  /** What it is, in a sentence. */
  readonly about: string;
  /** 4 KiB pages that the program fills before its first allocation: not the heap's. */
  ownPages(module: WebAssembly.Module): number;
  /** @param cpus threads that will attach */
  open(module: WebAssembly.Module, cpus: number): PeerHandle;
  /** Context: the Worker that is CPU `cpu`, once. */
  attach(handle: PeerHandle, cpu: number): PeerThread;
}
