/** Rules over the text of a file: its size, its header, and words that must not be in it. */
import type { Finding, Rule, SourceFile } from "./rule.js";

const COLUMNS_MAX = 100;
const LINES_MAX = 500;

/** The brackets keep this file from breaking its own rule. */
const BANNED_WORDS: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\b(TO[D]O|FIX[M]E|X[X]X)\b/, instead: "do it, or open an issue and delete the line" },
  { pattern: /@ts-[i]gnore|@ts-[n]ocheck/, instead: "make the types say what is true" },
];

export const TEXT_RULES: readonly Rule[] = [
  {
    claim: "no line is longer than 100 columns",
    check: (files) =>
      perLine(files, (line) =>
        line.length > COLUMNS_MAX
          ? `is ${line.length} columns wide, at most ${COLUMNS_MAX}: break it`
          : null,
      ),
    planted: [{ path: "assembly/a.ts", text: "/".repeat(COLUMNS_MAX + 1) }],
    accepted: [{ path: "assembly/a.ts", text: "/".repeat(COLUMNS_MAX) }],
  },
  {
    claim: "no file is longer than 500 lines",
    check: (files) =>
      files
        .map((file) => ({ file, count: file.text.trimEnd().split("\n").length }))
        .filter(({ count }) => count > LINES_MAX)
        .map(({ file, count }) => ({
          path: file.path,
          line: LINES_MAX + 1,
          message: `has ${count} lines, at most ${LINES_MAX}: split it by ideas`,
        })),
    planted: [{ path: "assembly/a.ts", text: "a\n".repeat(LINES_MAX + 1) }],
    accepted: [{ path: "assembly/a.ts", text: "a\n".repeat(LINES_MAX) }],
  },
  {
    claim: "every source file opens with a /** */ header",
    check: (files) =>
      files
        .filter(({ text }) => !/^(#!.*\n)?\/\*\*[\s*]+[^\s*/]/.test(text))
        .map(({ path }) => ({
          path,
          line: 1,
          message: "say in a /** */ header what this file is, which law it keeps and who calls it",
        })),
    planted: [
      { path: "assembly/a.ts", text: 'import { a } from "./b";\n/** Late. */' },
      { path: "assembly/b.ts", text: "/** */\n" },
    ],
    accepted: [{ path: "harness/cli/main.ts", text: "#!/usr/bin/env node\n/** The command. */" }],
  },
  {
    claim: "nothing is left to do in a comment and no type error is silenced",
    check: (files) =>
      perLine(files, (line) => {
        const banned = BANNED_WORDS.find(({ pattern }) => pattern.test(line));
        return banned === undefined ? null : `${banned.pattern.exec(line)?.[0]}: ${banned.instead}`;
      }),
    planted: [
      { path: "assembly/a.ts", text: `// TO${"DO"}: later` },
      { path: "harness/a.ts", text: `// @ts-${"ignore"}` },
    ],
    accepted: [{ path: "assembly/a.ts", text: '// "FIX kmalloc-8: Restoring" is kernel text' }],
  },
];

function perLine(
  files: readonly SourceFile[],
  messageFor: (line: string) => string | null,
): Finding[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((content, index) => {
      const message = messageFor(content);
      return message === null ? [] : [{ path, line: index + 1, message }];
    }),
  );
}
