/**
 * The audio thread: a CPU of the heap that never waits.
 *
 * Nothing may block here, and `Atomics.wait` throws. `heap.cpu()` notices: the CPU has
 * `mayWait: false`. Even so an ordinary call may spin for a lock and grow the memory; the nolock
 * calls do neither. A voice is allocated when a note starts and freed when it ends; the note
 * itself, which the page allocated, is freed here too: a remote free.
 */
import { attachHeap } from "slablab";

/** A voice in shared memory: phase and step in turns, samples left, samples in all. */
const VOICE_BYTES = 16;
const LOUDNESS = 0.2;

class Voices extends AudioWorkletProcessor {
  #cpu = null;
  #notes = [];
  #voices = [];
  #report = { voices: 0, dropped: 0, freed: 0 };

  constructor({ processorOptions }) {
    super();
    this.port.onmessage = ({ data }) => this.#receive(data);
    void this.#join(processorOptions.handle);
  }

  async #join(handle) {
    try {
      this.#cpu = (await attachHeap(handle)).cpu();
      this.port.postMessage({ mayWait: this.#cpu.mayWait });
    } catch (error) {
      this.port.postMessage({ error: String(error?.stack ?? error) });
    }
  }

  #receive({ notes, end }) {
    if (notes !== undefined) {
      this.#notes.push(...notes);
      this.port.postMessage({ queued: this.#notes.length });
    }
    if (!end) return;
    for (const { pointer } of this.#voices.splice(0)) this.#free(pointer);
    for (const left of this.#notes.splice(0)) this.#free(left);
    this.#cpu.offline();
    this.port.postMessage(this.#report);
  }

  process(_inputs, [[output]]) {
    if (this.#cpu === null) return true;
    const end = currentTime + output.length / sampleRate;
    this.#notes = this.#notes.filter((note) => !this.#start(note, end));
    this.#voices = this.#voices.filter((voice) => this.#sing(voice, output));
    return true;
  }

  /** Start a note if its time has come; true if it is gone. */
  #start(note, before) {
    const [frequency, start, length] = this.#cpu.view(note, Float32Array, 3);
    if (start >= before) return false;
    this.#free(note);
    const pointer = this.#cpu.kmallocNolock(VOICE_BYTES);
    if (pointer === 0) {
      this.#report.dropped++; // no memory without waiting: this note is not heard
      return true;
    }
    const samples = Math.ceil(length * sampleRate);
    // A view stays good when the memory grows: it is made once, as it is garbage for JavaScript.
    const state = this.#cpu.view(pointer, Float32Array, 4);
    state.set([0, frequency / sampleRate, samples, samples]);
    this.#voices.push({ pointer, state });
    this.#report.voices++;
    return true;
  }

  /** Add a voice to the output; false when it has ended. */
  #sing({ pointer, state }, output) {
    let [phase, , left] = state;
    const [, step, , samples] = state;
    for (let n = 0; n < output.length && left > 0; n++, left--) {
      output[n] += Math.sin(2 * Math.PI * phase) * LOUDNESS * (left / samples);
      phase = (phase + step) % 1;
    }
    state[0] = phase;
    state[2] = left;
    if (left > 0) return true;
    this.#free(pointer);
    return false;
  }

  #free(pointer) {
    this.#cpu.kfreeNolock(pointer);
    this.#report.freed++;
  }
}

registerProcessor("slablab-voices", Voices);
