/** The mixed load with one thing wrong, which whoever watches has to find or to survive. */
import type { JobContext } from "slablab/internal/cpu/job.js";
import { type MixedArgs, type MixedReport, Mixer, mixed } from "./mixed.js";

/** CPU 0 writes one word into an object that is waiting to change hands. */
export function scribble(context: JobContext, args: MixedArgs): MixedReport {
  const { cpu, index } = context;
  if (index === 0) {
    const object = cpu.kmalloc(64);
    const [word] = cpu.view(object, Uint32Array, 1);
    // A sound stamp of 16 words but for the last one.
    const words = cpu.view(object, Uint32Array, 16);
    words.forEach((_, i) => {
      words[i] = (word ?? 0) ^ Math.imul(i, 0x9e3779b1);
    });
    words[15] = 0;
    Atomics.store(new Int32Array(args.slots), 0, object);
  }
  return mixed(context, args);
}

/** CPU 0 allocates an object and forgets it. */
export function forget(context: JobContext, args: MixedArgs): MixedReport {
  if (context.index === 0) context.cpu.kmalloc(96);
  return mixed(context, args);
}

/** The load, in the middle of which CPU 1 ends its Worker, or throws. */
export function failInTraffic(
  context: JobContext,
  { how, ...args }: MixedArgs & { readonly how: "exit" | "throw" },
): MixedReport {
  if (context.index !== 1) return mixed(context, args);
  const mixer = new Mixer(context.cpu, context.index, args);
  context.startLine();
  for (let turn = 0; turn < 500; turn++) mixer.turn();
  if (how === "exit") process.exit(3);
  throw new Error("enough of this traffic");
}

/** The load for ever, deaf to everything. */
export function mixForever({ cpu, index, startLine }: JobContext, args: MixedArgs): never {
  const mixer = new Mixer(cpu, index, args);
  startLine();
  for (;;) mixer.turn();
}
