/** Runs the smoke suite from a command line and prints one JSON document. */
import { smoke } from "./smoke.mjs";

console.log(JSON.stringify(await smoke()));
