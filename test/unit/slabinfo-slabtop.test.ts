/**
 * Goal: slabtop looks and sorts as procps' does, and gives the terminal back. Method: caches
 * written by hand, compared byte for byte; a terminal that writes down what it is told.
 */
import { openScreen } from "slablab/internal/cli/slabtop/slabtop-screen.js";
import type { SlabInfo } from "slablab/internal/heap/slabinfo.js";
import {
  SLABTOP_KEYS,
  slabtopLines,
  sorted,
} from "slablab/internal/report/slabtop/slabtop-text.js";
import { expect, test } from "vitest";

function makeInfo(name: string, [active, total, size, slabs]: readonly number[]): SlabInfo {
  const [active_objs = 0, num_objs = 0, objsize = 0, num_slabs = 0] = [active, total, size, slabs];
  const objperslab = Math.floor(4096 / objsize);
  const shape = { objsize, objperslab, pagesperslab: 1, active_slabs: num_slabs, num_slabs };
  return { name, active_objs, num_objs, ...shape };
}

const SMALL = makeInfo("kmalloc-8", [512, 1024, 8, 2]);
const LARGE = { ...makeInfo("inode", [39, 39, 632, 3]), pagesperslab: 2, objperslab: 13 };
const EMPTY = makeInfo("kmalloc-1k", [0, 0, 1024, 0]);

test("a screen: totals, head, a line per cache", () => {
  expect(slabtopLines([EMPTY, LARGE, SMALL], "o")).toEqual([
    " Active / Total Objects (% used)    : 551 / 1063 (51.8%)",
    " Active / Total Slabs (% used)      : 5 / 5 (100.0%)",
    " Active / Total Caches (% used)     : 2 / 3 (66.7%)",
    " Active / Total Size (% used)       : 28.07K / 32.07K (87.5%)",
    " Minimum / Average / Maximum Object : 0.01K / 0.03K / 1.00K",
    "",
    "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME",
    "  1024    512  50%    0.01K      2      512         8K kmalloc-8",
    "    39     39 100%    0.62K      3       13        24K inode",
    "     0      0   0%    1.00K      0        4         0K kmalloc-1k",
  ]);
});

test("a heap without caches is a screen, too", () => {
  expect(slabtopLines([], "u")).toContain(
    " Minimum / Average / Maximum Object : 0.00K / 0.00K / 0.00K",
  );
});

test("every key sorts by its column", () => {
  const first = SLABTOP_KEYS.map((key) => sorted([EMPTY, SMALL, LARGE], key)[0]?.name);
  expect(Object.fromEntries(SLABTOP_KEYS.map((key, place) => [key, first[place]]))).toEqual({
    ...{ a: "kmalloc-8", b: "kmalloc-8", c: "inode", l: "inode", v: "inode", n: "inode" },
    ...{ o: "kmalloc-8", p: "inode", s: "kmalloc-1k", u: "inode" },
  });
});

function makeTerminal() {
  const log: string[] = [];
  let hear: (data: string) => void = () => {};
  const note = (text: string) => () => log.push(text);
  const terminal = {
    output: { rows: 2, columns: 5, write: (text: string) => log.push(text) > 0 },
    input: {
      ...{ isTTY: true, resume: note("resume"), pause: note("pause") },
      setRawMode: (isRaw: boolean) => log.push(`raw ${isRaw}`),
      on: (_event: string, listener: (data: string) => void) => {
        hear = listener;
      },
      off: note("deaf"),
    },
    onKey: (key: string) => log.push(`key ${key}`),
    interrupt: note("interrupt"),
  };
  return { log, terminal: terminal as never, press: (keys: string) => hear(keys) };
}

test("the screen takes the terminal and gives it back once", () => {
  const { log, terminal, press } = makeTerminal();
  const listeners = process.listenerCount("exit");
  const screen = openScreen(terminal);
  expect(process.listenerCount("exit")).toBe(listeners + 1);
  expect(log).toEqual(["\u001b[?1049h\u001b[?25l", "raw true", "resume"]);
  log.length = 0;
  press("cq");
  press("\u0003");
  expect(log).toEqual(["key c", "key q", "interrupt"]);
  log.length = 0;
  screen.show(["longer than five", "two", "three"]);
  expect(log).toEqual(["\u001b[Hlonge\u001b[K\r\ntwo\u001b[K\u001b[J"]);
  log.length = 0;
  screen.restore();
  screen.restore();
  expect(log).toEqual(["raw false", "deaf", "pause", "\u001b[?25h\u001b[?1049l"]);
  expect(process.listenerCount("exit")).toBe(listeners);
});
