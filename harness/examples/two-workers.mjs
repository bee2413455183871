/** Two Workers share a heap: one allocates, the other frees. Run: node two-workers.mjs */
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { attachHeap, createHeap } from "slablab";

if (isMainThread) {
  const heap = await createHeap({ cpus: 2 });
  const start = (role) =>
    new Worker(new URL(import.meta.url), { workerData: { role, handle: heap.handle } });
  const [producer, consumer] = [start("producer"), start("consumer")];
  producer.on("message", (pointer) => consumer.postMessage(pointer));
  consumer.on("message", (text) => console.log(text, "- findings:", heap.validate().length));
} else {
  const cpu = (await attachHeap(workerData.handle)).cpu(); // this Worker is a CPU now
  if (workerData.role === "producer") {
    const pointer = cpu.kmalloc(5);
    cpu.bytes(pointer, 5).set(Buffer.from("hello"));
    parentPort.postMessage(pointer); // an address: the other Worker frees it
  } else {
    parentPort.once("message", (pointer) => {
      const text = Buffer.from(cpu.bytes(pointer, 5)).toString();
      cpu.kfree(pointer);
      parentPort.postMessage(text);
    });
  }
}
