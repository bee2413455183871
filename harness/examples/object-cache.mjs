/**
 * A cache of equal objects with a constructor. Run: node object-cache.mjs
 *
 * The constructor runs once for each object of a new slab, not once for each allocation: who frees
 * an object leaves it as the constructor made it. Here that is a lock word, a counter of uses and
 * an empty queue of 56 bytes, which would otherwise be cleared every time.
 */
import { createHeap, SLAB_HWCACHE_ALIGN } from "slablab";

const SIZE = 64;
const heap = await createHeap({ cpus: 1 });
const cpu = heap.cpu();

let constructed = 0;
const channels = cpu.kmemCacheCreate({
  name: "channel",
  size: SIZE,
  flags: SLAB_HWCACHE_ALIGN, // each channel has its cache line to itself
  ctor: (channel) => {
    constructed++;
    cpu.bytes(channel, SIZE).fill(0);
  },
});

for (let turn = 0; turn < 1000; turn++) {
  const channel = channels.alloc();
  if (channel === 0) throw new Error("out of memory");
  const [lock, uses] = cpu.view(channel, Uint32Array, 2);
  if (lock !== 0) throw new Error(`expected an open channel, got ${lock} after ${uses} uses`);
  cpu.view(channel, Uint32Array, 2)[1]++; // a count that outlives the free, on purpose
  channels.free(channel);
}

const again = channels.alloc();
const uses = cpu.view(again, Uint32Array, 2)[1];
console.log(`1000 allocations, ${constructed} constructed, one object used ${uses} times`);
channels.free(again);
console.log(`released: ${channels.destroy().released}, findings: ${heap.validate().length}`);
