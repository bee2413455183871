/** Text for a terminal of 100 columns: titles, paragraphs, counts. */
import { styleText } from "node:util";

/** No line of a page is wider. */
export const COLUMNS = 100;

/** An empty line and a heading, bold where there is a terminal. */
export function title(text: string): string {
  return `\n${styleText("bold", text, { stream: process.stdout })}`;
}

/** Breaks a paragraph between words; a word wider than a line stays whole. */
export function wrap(text: string, columns = COLUMNS): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("\n");
}

/** `1,234,567`. */
export function full(count: number): string {
  return count.toLocaleString("en-US");
}
