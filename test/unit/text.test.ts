/**
 * Goal: where a thread has no TextDecoder (an AudioWorklet), ours says the same. Method: both
 * directions against the runtime's own, on texts of every length of UTF-8.
 */
import { decodeUtf8, encodeUtf8 } from "slablab/internal/heap/text.js";
import { expect, test } from "vitest";

const TEXTS = ["", "kmalloc-64", "100 % %41 &", "größe", "日本語", "🧱x", "\u0000\u007f\u0080"];

test.each(TEXTS)("%j is the same UTF-8", (text) => {
  const bytes = new TextEncoder().encode(text);
  expect([...encodeUtf8(text)]).toEqual([...bytes]);
  expect(decodeUtf8(bytes)).toBe(text);
});

test("where there are a TextDecoder and a TextEncoder they stay", () => {
  expect(new TextDecoder().encoding).toBe("utf-8");
  expect(new TextEncoder().encoding).toBe("utf-8");
});
