/** How a comparison with limits ends: a gate that judged nothing is shut. */
import type { Comparison } from "../../measure/bench/bench-compare.js";
import { EXIT, type ExitStatus } from "../common/exit.js";

/** The status of a comparison; what could not be judged is said on standard error. */
export async function gateStatus({ failed, unjudged }: Comparison): Promise<ExitStatus> {
  const { unjudgedSentence } = await import("../../measure/bench/bench-compare.js");
  const sentence = unjudgedSentence(unjudged);
  if (sentence !== "") console.error(`slablab: ${sentence}`);
  if (failed.length > 0) return EXIT.finding;
  return unjudged.length > 0 ? EXIT.usage : EXIT.fine;
}
