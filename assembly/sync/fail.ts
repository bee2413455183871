/**
 * The dice of fault injection (kernel: lib/fault-inject.c should_fail()).
 */
import { HEAP_FAILSLAB } from "../base/config";
import { cpu_area, header } from "./percpu";
import { next_random } from "./random";

/** Count one chance to fail on this CPU. @returns true if it is to be taken. Context: any. */
export function should_fail(): bool {
  const head = header();
  const area = cpu_area();
  const seen = area.fail_seen + 1;
  area.fail_seen = seen;
  const fails =
    head.fail_nth !== 0
      ? seen === head.fail_nth
      : seen % max(head.fail_interval, 1) === 0 && next_random() <= head.fail_probability;
  if (fails) area.fail_done = area.fail_done + 1;
  return fails;
}

/** @returns true if this page allocation is to fail. Context: ordinary allocations. */
export function should_fail_alloc_page(): bool {
  return (header().options & HEAP_FAILSLAB) !== 0 && should_fail();
}
