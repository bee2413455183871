/** A heap whose every call goes through a function of JavaScript, as most programs call one. */
import type { PeerHeap } from "../../heap/peer.js";

let made = 0;

/** @returns the text of functions that are `malloc` and `free`, another one at each call. */
export function nextSource(): string {
  made++;
  return `return { malloc: (size) => malloc(size), free: (p) => free(p) }; // ${made}`;
}

/**
 * Functions of this heap alone. V8 keeps what it learns of a call with the function's source: if
 * all heaps of a thread shared one, it would see calls of many targets, inline none, and be as slow
 * as no program with one heap is. By the comment it is another source, which V8 has not met.
 */
export function throughScript({ malloc, free }: PeerHeap): PeerHeap {
  return new Function("malloc", "free", nextSource())(malloc, free) as PeerHeap;
}
