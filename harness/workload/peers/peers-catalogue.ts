/** The heaps of others, by name. */
import { dlmalloc } from "./dlmalloc.js";
import { mimalloc } from "./mimalloc.js";
import type { Peer, PeerName } from "./other-heap.js";

const PEERS: Partial<Record<PeerName, Peer>> = { mimalloc, dlmalloc };

export function peerNamed(name: PeerName): Peer {
  const peer = PEERS[name];
  if (peer !== undefined) return peer;
  throw new RangeError(`peer: expected one of ${Object.keys(PEERS).join(", ")}, got ${name}`);
}
