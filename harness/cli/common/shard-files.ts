/** From files of shards to one document: what is wrong with them is said as a usage error. */
import * as v from "valibot";
import { MergeError } from "../../report/common/merge.js";
import { UsageError } from "./exit.js";
import type { RawDocument } from "./shard-options.js";

/** @throws UsageError for documents that are not what they should be, or not of one campaign */
export function mergeShards<S extends v.GenericSchema>(
  documents: readonly RawDocument[],
  schema: S,
  merge: (files: { file: string; report: v.InferOutput<S> }[]) => v.InferOutput<S>,
): v.InferOutput<S> {
  const files = documents.map(({ file, document }) => {
    const parsed = v.safeParse(schema, document);
    if (parsed.success) return { file, report: parsed.output };
    const [issue] = parsed.issues;
    throw new UsageError(
      `--merge: expected a whole document in ${file}, got another at ` +
        `${v.getDotPath(issue) ?? "its top"}: ${issue.message}; ` +
        "try the version of slablab that wrote it",
    );
  });
  try {
    return merge(files);
  } catch (error) {
    if (error instanceof MergeError) throw new UsageError(`--merge: ${error.message}`);
    throw error;
  }
}
