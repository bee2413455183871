/** The jobs of the threads tests as modules that a Worker of this page can import. */
import type { JobRef } from "slablab/internal/cpu/protocol.js";

/** The job `name` of test/threads/jobs/FILE.ts, which the test server strips of its types. */
export function jobOf(file: string, name: string): JobRef {
  return { module: new URL(`/test/threads/jobs/${file}.ts`, location.href).href, name };
}
