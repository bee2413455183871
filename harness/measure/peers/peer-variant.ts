/** What was measured of one heap, before anything is concluded from it. */
import type { VariantTimes } from "../bench/variants-run.js";
import type { Contender } from "./contenders.js";
import type { PeerSite } from "./peer-row.js";

/** One heap in one state on so many CPUs. */
export interface PeerVariant {
  readonly contender: Pick<Contender, "name" | "kind" | "ownPages">;
  readonly site: PeerSite;
  readonly times: VariantTimes;
  /** What is wrong with the heap; empty: nothing. */
  readonly findings: readonly string[];
}
