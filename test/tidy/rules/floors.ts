/** What a floor of harness/ says of itself. */
const README_LINES_MAX = 30;

/** What is said of a floor's README, `text` being null if there is none. Empty: nothing. */
export function readmeComplaint(text: string | null): string {
  if (text === null) return "expected a README.md, got none: say what lives here";
  const lines = text.trimEnd().split("\n").length;
  if (lines > README_LINES_MAX) return `has ${lines} lines, at most ${README_LINES_MAX}`;
  const missing = ["Start", "Imports"].find((word) => !text.includes(`${word}: `));
  return missing === undefined ? "" : `expected a paragraph "${missing}: ...", got none`;
}
