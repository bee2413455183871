/**
 * Goal: the options mean the same everywhere, and a wrong one is explained. Method: every accepted
 * spelling, and for every parser the texts that look nearly right.
 */
import {
  parseCpus,
  parseCpusList,
  parseDurationMs,
  parseSeed,
  parseSharesPercent,
  parseSizeBytes,
  parseSizesBytes,
} from "slablab/internal/cli/common/common-options.js";
import { expect, test } from "vitest";

test("durations need a unit and come out in milliseconds", () => {
  expect(["500ms", "5s", "1.5s", "2m", ".5s"].map(parseDurationMs)).toEqual([
    500, 5000, 1500, 120_000, 500,
  ]);
  for (const text of ["", "5", "s", "-1s", "0s", "5 h", "1e3ms", "5sec"]) {
    expect(() => parseDurationMs(text), text).toThrow("expected a duration above zero");
  }
  expect(() => parseDurationMs("5")).toThrow('got "5"; try 5s or 5ms');
});

test("seeds are decimal, hexadecimal or drawn", () => {
  expect(["0", "42", "0x2a", "0XFFFFFFFF"].map(parseSeed)).toEqual([0, 42, 42, 0xffff_ffff]);
  const drawn = parseSeed("random");
  expect(Number.isInteger(drawn) && drawn >= 0 && drawn <= 0xffff_ffff).toBe(true);
  for (const text of ["", "-1", "1.5", "2a", "0x", "4294967296", "Random"]) {
    expect(() => parseSeed(text), text).toThrow("try 0x51ab1ab");
  }
});

test("numbers of CPUs lie in 1..256, alone or as a list", () => {
  expect(parseCpus("2")).toBe(2);
  expect(parseCpusList("1,2, 256")).toEqual([1, 2, 256]);
  for (const text of ["", "0", "257", "two", "1.5", "0x2"]) {
    expect(() => parseCpus(text), text).toThrow("expected an integer in 1..256");
  }
  expect(() => parseCpusList("1,,2")).toThrow('got ""');
  expect(() => parseCpusList("1,2,1")).toThrow("try 1,2");
});

test("sizes take powers of 1024 and come out in bytes", () => {
  expect(["64", "64b", "4k", "4KiB", "4kb", "256MiB", "4g"].map(parseSizeBytes)).toEqual([
    64,
    64,
    4096,
    4096,
    4096,
    2 ** 28,
    2 ** 32,
  ]);
  expect(parseSizesBytes("8,64,1k")).toEqual([8, 64, 1024]);
  for (const text of ["", "0", "-8", "1.5k", "5g", "k", "64 bytes"]) {
    expect(() => parseSizeBytes(text), text).toThrow("expected a size");
  }
});

test("shares are percent, with or without the sign", () => {
  expect(parseSharesPercent("0,0.1,1%,3 %,10")).toEqual([0, 0.1, 1, 3, 10]);
  for (const text of ["", "101", "-1", "1;2", "%", "1,1.0"]) {
    expect(() => parseSharesPercent(text), text).toThrow("try");
  }
});
