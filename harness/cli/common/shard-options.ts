/** `--shard`, `--merge` and `--output`, which mean the same in every campaign; and their files. */
import { readFile } from "node:fs/promises";
import { InvalidArgumentError, Option } from "commander";
import { type Shard, SHARDS_MAX, parseShard } from "../../machine/shard.js";
import { UsageError } from "./exit.js";
import { writeOutput } from "./output-file.js";
import { printResult } from "./result.js";

/** `--shard i/n`: from 0, as JOB_COMPLETION_INDEX and most Slurm arrays count. */
export function shardOption(): Option {
  return new Option("--shard <i/n>", "do part i of n, counted from 0").argParser(readShard);
}

export function mergeOption(): Option {
  return new Option("--merge <files...>", "make one report of the documents of all shards");
}

export function outputOption(): Option {
  return new Option("--output <file>", "also write the JSON document to a file");
}

function readShard(text: string): Shard {
  const shard = parseShard(text);
  if (shard !== null) return shard;
  const [, index = "", count = ""] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const isFromOne = count !== "" && count !== "0" && Number(index) === Number(count);
  const last = `the first is 0 and the last ${Number(count) - 1}`;
  throw new InvalidArgumentError(
    `expected i/n with i in 0..n-1 and n in 1..${SHARDS_MAX}, got "${text}"; ` +
      `try ${isFromOne ? `${Number(count) - 1}/${count}: ${last}` : "0/8"}`,
  );
}

/** A document that was read from a file, not looked at yet. */
export interface RawDocument {
  readonly file: string;
  readonly document: unknown;
}

/** @param schema that they must have @throws UsageError for a file that has another, or none */
export async function readDocuments(
  files: readonly string[],
  schema: string,
): Promise<RawDocument[]> {
  const documents: RawDocument[] = [];
  for (const file of files) {
    const document = parse(await read(file), file);
    const got = (document as { schema?: unknown } | null)?.schema;
    if (got !== schema) {
      const what = typeof got === "string" ? `one of ${got}` : "another";
      throw new UsageError(
        `--merge: expected a document of ${schema} in ${file}, got ${what}; ` +
          "try files that were written with --shard i/n --output FILE",
      );
    }
    documents.push({ file, document });
  }
  return documents;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a directory" : message;
    throw new UsageError(
      `--merge: expected a readable file ${file}, got ${got}; ` +
        "name the files that --output wrote, one for each shard",
    );
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `--merge: expected JSON in ${file}, got: ${(error as Error).message}; ` +
        "the shard may have ended while it wrote: run it again",
    );
  }
}

/** @throws UsageError that says what cannot stand beside `--merge` */
export function refuseBeside(merge: string, others: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(others)) {
    if (value === undefined || value === false || value === null) continue;
    throw new UsageError(`expected ${merge} or ${option}, got both; leave one out`);
  }
}

interface DocumentOptions {
  readonly output?: string | undefined;
  readonly json: boolean;
}

/**
 * Print the result, as the document or as text, then write the document to `--output`, if there
 * is one. @returns why it could not be written, or null
 */
export async function writeDocument(
  document: string,
  text: () => Promise<string>,
  { output, json }: DocumentOptions,
): Promise<string | null> {
  printResult(json ? document : await text());
  return output === undefined ? null : writeOutput("--output", output, document);
}
