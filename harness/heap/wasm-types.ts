/**
 * The types of the global `WebAssembly`, where a program has them, and a little of our own where it
 * has not: they come with the library "dom", which programs for Node, Deno and Workers leave out.
 *
 * Declarations of this package name these and no type of "dom" or "node", nor a generic typed array
 * (TypeScript 5.7): they are checked with TypeScript 5.6 to 6 and with either library or none.
 */

/** What `prototype` of a global's member is, or `Own` where there is no such global. */
type OfWebAssembly<Name extends string, Own> = typeof globalThis extends {
  WebAssembly: { [Each in Name]: { prototype: infer Type } };
}
  ? Type
  : Own;

/** A `WebAssembly.Module`. */
export type WasmModule = OfWebAssembly<"Module", object>;

/** A `WebAssembly.Memory`. */
export type WasmMemory = OfWebAssembly<"Memory", OwnMemory>;

/** As much of a shared memory as programs use. */
interface OwnMemory {
  readonly buffer: SharedArrayBuffer;
  /** @returns how many pages of 64 KiB it had before */
  grow(delta: number): number;
}

/** A `URL`. */
export interface UrlLike {
  /** The whole address, absolute. */
  readonly href: string;
}

/** Bytes: a typed array, a DataView or a buffer. */
export type Bytes = ArrayBuffer | ArrayBufferView;

/** A module, or its bytes, or where they are: an address as text is one, too. */
export type ModuleSource = WasmModule | Bytes | UrlLike | string;

/** A typed array over shared memory: assignable to `Uint8Array<SharedArrayBuffer>` and the like. */
export type Shared<
  View extends {
    /** What the view is over. */
    readonly buffer: unknown;
  },
> = {
  /** The heap's memory, which other threads write to. */
  readonly buffer: SharedArrayBuffer;
  /** A part of it, over the same bytes; `begin` and `end` in elements, as of a typed array. */
  subarray(begin?: number, end?: number): Shared<View>;
  /** Itself. */
  valueOf(): Shared<View>;
} & View;
