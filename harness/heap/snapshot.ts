/**
 * A snapshot: a whole heap as bytes that another process reads, whatever build made it.
 *
 * One line of JSON that says what follows, then the memory, compressed by gzip, whose checksum
 * finds a damaged file. The line carries the table of fields, so the reader needs no module.
 * Readings of a busy heap do not agree with each other: write one of a heap at rest.
 */
import type { FieldTable } from "./fields.js";
import { HeapView } from "./view.js";

/** Of the file; the layout of the heap is in it. */
export const SNAPSHOT_VERSION = 1;
const SCHEMA = "slablab/snapshot/v";
/** Longer first lines are of other files. */
const HEAD_BYTES_MAX = 2 ** 20;
const NEWLINE = 10;

export interface Snapshot {
  readonly version: number;
  /** Address of the heap's header. */
  readonly base: number;
  readonly layout: FieldTable;
  /** A copy of the whole memory. */
  readonly memory: ArrayBuffer;
}

/** No snapshot, or a damaged one; the message says what came. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** A copy of the heap as it is now; zeros for what is reserved, which is other modules'. */
export function takeSnapshot(source: ArrayBufferLike, view: HeapView): Snapshot {
  const memory = new ArrayBuffer(source.byteLength);
  const start = Math.min(view.header().reserve_bytes, view.base);
  new Uint8Array(memory).set(new Uint8Array(source, start), start);
  return { version: SNAPSHOT_VERSION, base: view.base, layout: view.table, memory };
}

/** The heap in a snapshot, to be read as any. */
export function viewOf({ memory, layout, base }: Snapshot): HeapView {
  return new HeapView(memory, layout, base);
}

/** The bytes of the file. */
export async function encodeSnapshot(snapshot: Snapshot): Promise<Uint8Array<ArrayBuffer>> {
  const { version, base, layout, memory } = snapshot;
  const head = { schema: `${SCHEMA}${version}`, base, bytes: memory.byteLength, layout };
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  const body = await pipe(memory, new CompressionStream("gzip"));
  const file = new Uint8Array(line.length + body.byteLength);
  file.set(line);
  file.set(new Uint8Array(body), line.length);
  return file;
}

/** Read the bytes of a file. @throws SnapshotError */
export async function decodeSnapshot(file: Uint8Array<ArrayBuffer>): Promise<Snapshot> {
  const end = file.subarray(0, HEAD_BYTES_MAX).indexOf(NEWLINE);
  const head = parseHead(new TextDecoder().decode(file.subarray(0, Math.max(end, 0))));
  const body = file.slice(end + 1);
  const memory = await pipe(body, new DecompressionStream("gzip")).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapshotError(`expected a whole snapshot, got a damaged one (${reason})`);
  });
  if (memory.byteLength !== head.bytes) {
    throw new SnapshotError(
      `expected a memory of ${head.bytes} bytes, got ${memory.byteLength}: the file is damaged`,
    );
  }
  return { version: SNAPSHOT_VERSION, base: head.base, layout: head.layout, memory };
}

interface Head {
  readonly base: number;
  readonly bytes: number;
  readonly layout: FieldTable;
}

function parseHead(line: string): Head {
  const head = parseJson(line) as Partial<Head & { schema: string }> | null;
  const schema = head?.schema;
  if (typeof schema !== "string" || !schema.startsWith(SCHEMA)) {
    throw new SnapshotError("expected a snapshot of a heap, got a file of another kind");
  }
  if (schema !== `${SCHEMA}${SNAPSHOT_VERSION}`) {
    throw new SnapshotError(
      `expected schema ${SCHEMA}${SNAPSHOT_VERSION}, got ${schema}: read it with the version of ` +
        "slablab that wrote it",
    );
  }
  const { base, bytes, layout } = head as Partial<Head>;
  const isWhole =
    Number.isInteger(base) && Number.isInteger(bytes) && Array.isArray(layout?.fields);
  if (!isWhole || layout?.offsets === undefined || layout.constants === undefined) {
    throw new SnapshotError("expected base, bytes and layout in the first line, got less");
  }
  return head as Head;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function pipe(
  bytes: ArrayBuffer | Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
): Promise<ArrayBuffer> {
  return new Response(new Blob([bytes]).stream().pipeThrough(through)).arrayBuffer();
}
