/** What documents of campaigns that can be split among machines say of that. */
import * as v from "valibot";
import { count, described } from "./schema.js";

/** The part of a campaign that a process ran; null: all of it. */
export const shard = v.nullable(v.object({ index: described(count, "from 0"), count }));

/** What a document was made of. */
export const merged = described(
  v.nullable(
    v.object({
      shards: count,
      partial: described(v.array(count), "shards that were interrupted"),
    }),
  ),
  "null: of one process",
);
