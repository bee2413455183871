/**
 * Views of the heap's bytes, made anew at each call, so that none is stale after growth.
 *
 * A view covers a range that lies above the null page and inside the memory; whether an object is
 * alive there is the caller's business, as in every language with pointers.
 */
import { isUnsigned } from "./abi.js";
import { checkUnsigned } from "./arguments.js";
import { describe, hex } from "./errors.js";
import type { Shared, WasmMemory } from "./wasm-types.js";

/** The element types a view can have. */
export type ViewType =
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Uint16ArrayConstructor
  | Uint32ArrayConstructor
  | Int8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigUint64ArrayConstructor
  | BigInt64ArrayConstructor;

/** The shared view that such a constructor makes. */
export type SharedView<T extends ViewType> = T extends Uint8ArrayConstructor
  ? Shared<Uint8Array>
  : T extends Uint8ClampedArrayConstructor
    ? Shared<Uint8ClampedArray>
    : T extends Uint16ArrayConstructor
      ? Shared<Uint16Array>
      : T extends Uint32ArrayConstructor
        ? Shared<Uint32Array>
        : T extends Int8ArrayConstructor
          ? Shared<Int8Array>
          : T extends Int16ArrayConstructor
            ? Shared<Int16Array>
            : T extends Int32ArrayConstructor
              ? Shared<Int32Array>
              : T extends Float32ArrayConstructor
                ? Shared<Float32Array>
                : T extends Float64ArrayConstructor
                  ? Shared<Float64Array>
                  : T extends BigUint64ArrayConstructor
                    ? Shared<BigUint64Array>
                    : Shared<BigInt64Array>;

/** Nothing is ever handed out below this address. */
const NULL_PAGE_BYTES = 4096;

/**
 * A view of `count` elements at `pointer`.
 *
 * @throws TypeError, RangeError if the range is outside the memory, in the null page or unaligned
 */
export function makeView<T extends ViewType>(
  memory: WasmMemory,
  call: string,
  pointer: number,
  type: T,
  count: number,
): SharedView<T> {
  if (typeof type !== "function" || !isUnsigned(type.BYTES_PER_ELEMENT)) {
    throw new TypeError(
      `${call}: expected the constructor of a typed array, got ${describe(type)}; try Uint32Array`,
    );
  }
  checkUnsigned(`${call}: pointer`, pointer);
  checkUnsigned(`${call}: count`, count);
  const { BYTES_PER_ELEMENT } = type;
  if (pointer % BYTES_PER_ELEMENT !== 0) {
    throw new RangeError(
      `${call}: expected a pointer that is a multiple of ${BYTES_PER_ELEMENT}, got ` +
        `${hex(pointer)}; try cpu.bytes() and a DataView`,
    );
  }
  const buffer = bufferOver(memory, call, pointer, count * BYTES_PER_ELEMENT);
  return new type(buffer, pointer, count) as unknown as SharedView<T>;
}

/** The memory's bytes as they are now. @throws RangeError if the range does not lie in them */
function bufferOver(memory: WasmMemory, call: string, pointer: number, bytes: number): ArrayBuffer {
  const end = pointer + bytes;
  if (end <= memory.buffer.byteLength && (pointer >= NULL_PAGE_BYTES || bytes === 0)) {
    return memory.buffer;
  }
  // Another thread may have grown the memory a moment ago: growing by nothing catches up.
  memory.grow(0);
  if (end <= memory.buffer.byteLength && pointer >= NULL_PAGE_BYTES) return memory.buffer;
  const what = pointer === 0 ? "NULL" : `${bytes} bytes at ${hex(pointer)}`;
  throw new RangeError(
    `${call}: expected bytes in ${hex(NULL_PAGE_BYTES)}..${hex(memory.buffer.byteLength)}, ` +
      `got ${what}; check the address, 0 means that the allocation failed`,
  );
}
