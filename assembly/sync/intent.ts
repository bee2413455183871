/**
 * The intent slot: what multi-step change this CPU is in the middle of.
 *
 * A Worker can be terminated at any access. The steps of a change are ordered so that, with the
 * slot, whoever recovers the CPU can tell what was being moved from where. One slot holds the
 * outermost change; the steps inside it follow from it.
 */
import { INTENT_NONE } from "../base/layout";
import { cpu_area } from "./percpu";

/**
 * Say what is about to happen, unless an outer change is already noted.
 *
 * @returns true if the slot was free: pass it to intent_clear(). Context: any.
 */
export function intent_set(what: u32, slab: usize, page: usize, order: u32): bool {
  const area = cpu_area();
  if (area.intent !== INTENT_NONE) return false;
  area.intent_slab = <u32>slab;
  area.intent_page = <u32>page;
  area.intent_order = order;
  area.intent = what;
  return true;
}

/** The change is complete. @param noted what intent_set() returned */
export function intent_clear(noted: bool): void {
  if (noted) cpu_area().intent = INTENT_NONE;
}
