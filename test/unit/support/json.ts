/** JSON as the formatter of this project leaves it, so that a generated file passes its check. */

const COLUMNS = 100;

/**
 * Objects one key a line; arrays of plain values on one line where they fit.
 *
 * @param used columns of its first line that are taken, a comma at its end counted
 */
export function formatJson(value: unknown, indent = "", used = 0): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries = Object.entries(value);
  if (entries.length === 0) return `${open}${close}`;
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    if (used + line.length <= COLUMNS) return line;
  }
  const lines = entries.map(([key, item], index) => {
    const comma = index < entries.length - 1 ? 1 : 0;
    const name = Array.isArray(value) ? "" : `${JSON.stringify(key)}: `;
    return `${inner}${name}${formatJson(item, inner, inner.length + name.length + comma)}`;
  });
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}
