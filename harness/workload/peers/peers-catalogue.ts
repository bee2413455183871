/** The heaps of others, by name. */
import { dlmalloc } from "./dlmalloc.js";
import { mimalloc } from "./mimalloc.js";
import type { Peer, PeerName } from "./other-heap.js";
import { tlsf } from "./tlsf.js";

const PEERS: Readonly<Record<PeerName, Peer>> = { mimalloc, dlmalloc, tlsf };

export function peerNamed(name: PeerName): Peer {
  return PEERS[name];
}
