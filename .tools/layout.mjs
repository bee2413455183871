/**
 * The layout as the compiler has it: every field of every struct of assembly/base/layout*.ts, as
 * the text of the custom section `slablab.layout`, so that a tool which has only the module and the
 * memory can read the heap and say which field an address is.
 *
 * Nobody lists fields: a class is read with the offsets that asc gave it. Sizes, places and limits
 * are the exports of assembly/inspect/constants.ts; a flag of the build is 1 where it was set.
 */
import { ElementKind } from "assemblyscript";

/** Where the structs are. */
const FILES = /^assembly\/base\/layout\w*\//;
/** Fields that only fill a line: they are in no table. */
const PADDING = /^(line\d+\w*|pad\d*|pcp_pad|\w*[rR]eserved\w*)$/;
const FLAGS = [
  "SLUB_STATS",
  "SLUB_TRACE",
  "SLUB_HARDENED",
  "SLUB_DEBUG",
  "SLUB_MODEL",
  "SLUB_SHEAVES",
];

/**
 * @param program asc's, compiled
 * @param constants names and values
 * @returns `struct field field:8 @64 field;const NAME=1`: a field has four bytes unless it says
 * otherwise, and follows the one before it unless an offset stands between them.
 * harness/heap/fields.ts reads it.
 */
export function encodeLayout(program, constants) {
  const structs = [...program.elementsByName.values()].filter(
    (element) => element.kind === ElementKind.ClassPrototype && FILES.test(element.internalName),
  );
  const parts = structs.map((prototype) => {
    const fields = fieldsOf(program.resolver.resolveClass(prototype, null));
    return `${snakeCase(prototype.name)} ${encodeFields(fields)}`;
  });
  const flags = FLAGS.map((name) => [name, program.options.globalAliases?.has(name) ? 1 : 0]);
  const words = [...constants, ...flags].map(([name, value]) => `${name}=${value}`);
  return [...parts, `const ${words.join(" ")}`].join(";");
}

/** Name, offset and bytes of each field, in the order of the class. */
function fieldsOf(struct) {
  return [...struct.members.values()]
    .filter(({ isField, name }) => isField === true && !PADDING.test(name))
    .map(({ name, instance }) => {
      return { name, offset: instance.memoryOffset, size: instance.type.byteSize };
    });
}

function encodeFields(fields) {
  let next = 0;
  return fields
    .map(({ name, offset, size }) => {
      const jump = offset === next ? "" : `@${offset} `;
      next = offset + size;
      return `${jump}${name}${size === 4 ? "" : `:${size}`}`;
    })
    .join(" ");
}

function snakeCase(name) {
  return name.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
