/**
 * Schedule strings: everything that a replay needs, in one printable word without quotes.
 *
 * ```
 * slx1~0588b857~model/64/irq-work/...~12S1-3N0~4f
 *  |      |            |                |       `- check digits: a cut string is seen
 *  |      |            |                `- after 12 decisions task 1 goes on; 3 later an NMI on 0
 *  |      |            `- the scenario, as text
 *  |      `- hash of the binary: site numbers and accesses of another build mean nothing here
 *  `- version of this format
 * ```
 * `4M1T0` moves task 0 to CPU 1; `4K0` is the death of task 0.
 */
import { INTERRUPT, DIE, MIGRATE, STEP, actionOf, choice, fibreOf } from "./policies/policy.js";
import type { Deviation } from "./policies/replay-policy.js";
import {
  type Scenario,
  ScenarioError,
  formatScenario,
  parseScenario,
} from "./scenarios/scenario.js";

const MAGIC = "slx";
const VERSION = 1;
const SEPARATOR = "~";
const BASE = 36;
const LETTERS = new Map([
  ["S", STEP],
  ["N", INTERRUPT],
  ["K", DIE],
]);
const LETTER_OF = new Map([...LETTERS].map(([letter, action]) => [action, letter]));

export interface Schedule {
  /** Hash of the binary it was found in. */
  readonly build: string;
  readonly scenario: Scenario;
  readonly deviations: readonly Deviation[];
}

/** Thrown for a string that is no schedule, or none of this build. */
export class ScheduleError extends Error {}

export function formatSchedule({ build, scenario, deviations }: Schedule): string {
  let last = 0;
  const parts = deviations.map(({ at, code }) => {
    const action = actionOf(code);
    const letter = LETTER_OF.get(action) ?? `M${action - MIGRATE}T`;
    const part = `${(at - last).toString(BASE)}${letter}${fibreOf(code)}`;
    last = at;
    return part;
  });
  const body = [
    ...[`${MAGIC}${VERSION}`, build, formatScenario(scenario)],
    parts.length === 0 ? "0" : parts.join("-"),
  ].join(SEPARATOR);
  return `${body}${SEPARATOR}${check(body)}`;
}

/**
 * @throws ScheduleError that says what is wrong with the string
 */
export function parseSchedule(text: string): Schedule {
  const parts = text.trim().split(SEPARATOR);
  const [head = "", build = "", scenario = "", deviations = "", digits = ""] = parts;
  const [, version] = /^slx(\d+)$/.exec(head) ?? [];
  if (version === undefined) {
    throw new ScheduleError(
      `expected a schedule that begins with ${MAGIC}${VERSION}${SEPARATOR}, ` +
        `got ${shorten(text)}; ` +
        "try the whole string as a finding prints it, in single quotes",
    );
  }
  if (Number(version) !== VERSION) {
    throw new ScheduleError(
      `expected a schedule of version ${VERSION}, got version ${version}; ` +
        "try the version of slablab that printed it",
    );
  }
  const body = parts.slice(0, 4).join(SEPARATOR);
  if (parts.length !== 5 || digits !== check(body)) {
    throw new ScheduleError(
      `expected a whole schedule, got one that was cut or changed (${shorten(text)}); ` +
        "try to copy it again, to its last character",
    );
  }
  try {
    return {
      build,
      scenario: parseScenario(scenario),
      deviations: deviations === "0" ? [] : parseDeviations(deviations),
    };
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new ScheduleError(`expected a schedule of a scenario: ${error.message}`);
  }
}

function parseDeviations(text: string): Deviation[] {
  let at = 0;
  return text.split("-").map((part) => {
    const match = /^([0-9a-z]+)(S|N|K|M(\d+)T)(\d+)$/.exec(part) ?? [];
    const [, delta = "", letter = "", cpu, fibre = ""] = match;
    const action = cpu === undefined ? LETTERS.get(letter) : MIGRATE + Number(cpu);
    if (action === undefined)
      throw new ScheduleError(`expected a decision such as 1cS1, got ${part}`);
    at += Number.parseInt(delta, BASE);
    return { at, code: choice(Number(fibre), action) };
  });
}

/** @throws ScheduleError if the schedule is of another binary than `build` */
export function refuseOtherBuild(schedule: Schedule, build: string): void {
  if (schedule.build === build) return;
  throw new ScheduleError(
    `expected a schedule of build ${build}, got one of build ${schedule.build}; ` +
      "try the sources it was found with, or explore the scenario again",
  );
}

/** Four check digits: FNV-1a, folded. */
function check(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (((hash >>> 16) ^ hash) & 0xffff).toString(16).padStart(4, "0");
}

function shorten(text: string): string {
  return text.length <= 40 ? `"${text}"` : `"${text.slice(0, 37)}..."`;
}
