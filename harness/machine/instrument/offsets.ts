/**
 * Where in a binary its memory accesses are: the byte offset of each, function by function, in
 * the order in which they are evaluated. Source maps speak of these offsets, and Binaryen forgets
 * them when it reads a binary.
 */
import { InstrumentError } from "./walker.js";

const HEADER_BYTES = 8;
const IMPORTS = 2;
const CODE = 10;

const NO_ACCESS = 0;
const ACCESS = 1;

/** What follows an instruction. */
interface Shape {
  /** Numbers, as LEB128. */
  readonly lebs: number;
  readonly access: 0 | 1;
}

const shape = (lebs: number, access: 0 | 1 = NO_ACCESS): Shape => ({ lebs, access });

/** Instructions of one byte that are followed by LEBs; any other below 0xc5 has nothing. */
const SHAPES: ReadonlyMap<number, Shape> = new Map([
  ...[0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, 0x41, 0x42].map((code) => [code, shape(1)] as const),
  ...[0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0xd0, 0xd2].map(
    (code) => [code, shape(1)] as const,
  ),
  [0x11, shape(2)],
  ...range(0x28, 0x3e).map((code) => [code, shape(2, ACCESS)] as const),
  [0x3f, shape(1, ACCESS)],
  [0x40, shape(1, ACCESS)],
]);

/** Those behind 0xfc: conversions, copies and fills, tables. */
const BULK: ReadonlyMap<number, Shape> = new Map([
  ...range(0, 7).map((code) => [code, shape(0)] as const),
  [8, shape(2, ACCESS)],
  [9, shape(1)],
  [10, shape(2, ACCESS)],
  [11, shape(1, ACCESS)],
  ...[12, 14].map((code) => [code, shape(2)] as const),
  ...[13, 15, 16, 17].map((code) => [code, shape(1)] as const),
]);

const BR_TABLE = 0x0e;
const SELECT_TYPED = 0x1c;
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const LAST_PLAIN = 0xc4;
const BULK_PREFIX = 0xfc;
const ATOMIC_PREFIX = 0xfe;
const FENCE = 3;

export interface AccessOffsets {
  /** Functions that are imported come first in the numbers of functions. */
  readonly imported: number;
  /** The module's own. */
  readonly functions: readonly FunctionOffsets[];
}

export interface FunctionOffsets {
  readonly start: number;
  readonly accesses: readonly number[];
}

/** @throws InstrumentError for an instruction that is not known */
export function accessOffsets(bytes: Uint8Array): AccessOffsets {
  const reader = new Reader(bytes);
  reader.at = HEADER_BYTES;
  let imported = 0;
  const functions: FunctionOffsets[] = [];
  while (reader.at < bytes.length) {
    const section = reader.byte();
    const end = reader.leb() + reader.at;
    if (section === IMPORTS) imported = importedFunctions(reader);
    if (section === CODE) {
      for (let count = reader.leb(); count > 0; count--) functions.push(body(reader));
    }
    reader.at = end;
  }
  return { imported, functions };
}

/** The code section of a binary: what runs. */
export function codeSection(bytes: Uint8Array): Uint8Array {
  const reader = new Reader(bytes);
  reader.at = HEADER_BYTES;
  while (reader.at < bytes.length) {
    const section = reader.byte();
    const end = reader.leb() + reader.at;
    if (section === CODE) return bytes.subarray(reader.at, end);
    reader.at = end;
  }
  return new Uint8Array();
}

/** Kinds of imports: function, table, memory, global. */
function importedFunctions(reader: Reader): number {
  let functions = 0;
  for (let count = reader.leb(); count > 0; count--) {
    reader.skip(reader.leb());
    reader.skip(reader.leb());
    const kind = reader.byte();
    if (kind === 0) functions++;
    if (kind === 1 || kind === 3) reader.byte();
    if (kind === 1 || kind === 2) {
      const hasMaximum = (reader.byte() & 1) === 1;
      reader.leb();
      if (hasMaximum) reader.leb();
    } else if (kind === 3) reader.byte();
    else reader.leb();
  }
  return functions;
}

function body(reader: Reader): FunctionOffsets {
  const end = reader.leb() + reader.at;
  const start = reader.at;
  for (let locals = reader.leb(); locals > 0; locals--) {
    reader.leb();
    reader.byte();
  }
  const accesses: number[] = [];
  while (reader.at < end) {
    const offset = reader.at;
    if (isAccess(reader)) accesses.push(offset);
  }
  return { start, accesses };
}

/** Reads one instruction. */
function isAccess(reader: Reader): boolean {
  const offset = reader.at;
  const code = reader.byte();
  const known = SHAPES.get(code);
  if (known !== undefined) return reader.operands(known);
  switch (code) {
    case BR_TABLE:
      for (let targets = reader.leb() + 1; targets > 0; targets--) reader.leb();
      return false;
    case SELECT_TYPED:
      reader.skip(reader.leb());
      return false;
    case F32_CONST:
      reader.skip(4);
      return false;
    case F64_CONST:
      reader.skip(8);
      return false;
    case BULK_PREFIX: {
      const bulk = BULK.get(reader.leb());
      if (bulk !== undefined) return reader.operands(bulk);
      break;
    }
    case ATOMIC_PREFIX:
      return reader.leb() === FENCE ? reader.operands(shape(1)) : reader.operands(shape(2, ACCESS));
    default:
      if (code <= LAST_PLAIN) return false;
  }
  throw new InstrumentError(`its instruction ${code} at byte ${offset} is not known`);
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  /** An unsigned number; a signed one is read past, at least. */
  leb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  operands({ lebs, access }: Shape): boolean {
    for (let count = 0; count < lebs; count++) this.leb();
    return access === ACCESS;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
