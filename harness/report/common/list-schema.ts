/** The document that `--list --json` prints: what a command can be asked for, by name. */
import * as v from "valibot";
import { count, described, documentOf } from "./schema.js";

const entry = v.object({
  name: described(v.string(), "what the command takes; of a family: what --generated takes"),
  about: v.string(),
  group: described(
    v.nullable(v.string()),
    "the suite of a row, or the group of a mutant; null: it stands by itself",
  ),
  programs: described(v.nullable(count), "of a family of generated programs; else null"),
});

/** The whole document. */
export const listReportSchema = documentOf(
  "list",
  v.object({ of: v.picklist(["bench", "explore", "mutants"]) }),
  v.object({ entries: v.array(entry) }),
);

export type ListReport = v.InferOutput<typeof listReportSchema>;
export type ListEntry = v.InferOutput<typeof entry>;

/** An entry that is neither of a group nor a family. */
export function plainEntry(name: string, about: string, group: string | null = null): ListEntry {
  return { name, about, group, programs: null };
}
