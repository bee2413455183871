/**
 * The page: makes the heap, allocates notes, and hands them to the audio thread.
 *
 * It renders a second offline first and writes what came out into #out; the button plays the same.
 */
import { createHeap } from "slablab";
// Vite's way to bundle a worklet; without a bundler: new URL("./processor.mjs", import.meta.url).
import processorUrl from "./processor.mjs?worker&url";
import { NOTE_BYTES } from "./note.mjs";

const RATE = 48_000;
const NOTES = 40;

async function play(context) {
  const heap = await createHeap({ cpus: 2, maximumBytes: 16 * 2 ** 20 });
  const page = heap.cpu();
  await context.audioWorklet.addModule(processorUrl);
  const processorOptions = { handle: heap.handle };
  const node = new AudioWorkletNode(context, "slablab-voices", { processorOptions });
  const answer = () =>
    new Promise((resolve) => (node.port.onmessage = ({ data }) => resolve(data)));
  node.connect(context.destination);
  const hello = await answer(); // it has joined the heap
  if (hello.error !== undefined) throw new Error(hello.error);

  const notes = Array.from({ length: NOTES }, (_, n) => {
    const note = page.kmalloc(NOTE_BYTES);
    const frequency = 220 * 2 ** ((n % 24) / 12);
    page.view(note, Float32Array, 3).set([frequency, (n * 0.9) / NOTES, 0.05]);
    return note;
  });
  const queued = answer();
  node.port.postMessage({ notes }); // addresses: the audio thread frees them
  await queued; // an offline context renders at once, before any further message
  const close = async () => {
    const said = answer();
    node.port.postMessage({ end: true });
    const report = await said;
    page.offline();
    return { ...report, mayWait: hello.mayWait, findings: heap.validate() };
  };
  return { close };
}

async function render() {
  const context = new OfflineAudioContext(1, RATE, RATE);
  const { close } = await play(context);
  const buffer = await context.startRendering();
  const loudest = buffer.getChannelData(0).reduce((max, each) => Math.max(max, Math.abs(each)), 0);
  return { state: "done", loudest, ...(await close()) };
}

const out = document.querySelector("#out");
document.querySelector("#play").onclick = async () => {
  const context = new AudioContext({ sampleRate: RATE });
  const { close } = await play(context);
  setTimeout(() => close().then(() => context.close()), 1500);
};
out.textContent = await render().then(JSON.stringify, (error) =>
  JSON.stringify({ state: "failed", error: String(error?.stack ?? error) }),
);
