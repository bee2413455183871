/** Every handler as soon as it may come: one schedule that shows what handlers touch. */
import { type Choice, INTERRUPT, type Policy, type Situation, actionOf } from "./policy.js";

export class Eager implements Policy {
  readonly name = "eager";
  readonly asksAlways = false;

  begin(): void {}

  choose({ options, optionCount }: Situation): Choice {
    for (let at = 0; at < optionCount; at++) {
      const code = options[at] as number;
      if (actionOf(code) === INTERRUPT) return code;
    }
    return options[0] as number;
  }

  end(): boolean {
    return false;
  }
}
