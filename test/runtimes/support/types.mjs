/**
 * Checks the declarations of the installed package with one version of TypeScript, as
 * `skipLibCheck: false` does, and prints what is wrong with them as JSON: a list of texts.
 *
 *   node types.mjs TYPESCRIPT NODE_TYPES PROJECT
 *
 * TYPESCRIPT and NODE_TYPES are folders of packages. The files of the libraries and of @types/node
 * are left out: they are others' business, and most of the time.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

const [typescript, nodeTypes, project] = process.argv.slice(2);
const ts = createRequire(import.meta.url)(typescript);
const DOM = "lib.dom.d.ts";
/** Every program reads the same libraries: they are parsed once. */
const parsed = new Map();
const complaints = [];
for (const lib of [[], [DOM]]) {
  for (const types of [[], [nodeTypes]]) complaints.push(...check(lib, types));
}
console.log(JSON.stringify(complaints));

function check(lib, types) {
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2022.d.ts", ...lib],
    types,
  };
  const program = ts.createProgram({
    rootNames: [join(project, lib.includes(DOM) ? "consumer-dom.ts" : "consumer.ts")],
    options,
    host: hostOf(options),
  });
  const isOurs = ({ fileName }) =>
    fileName.includes("/node_modules/slablab/") || /\/consumer(-dom)?\.ts$/.test(fileName);
  const ours = program.getSourceFiles().filter(isOurs);
  if (ours.length < 10) throw new Error(`expected the package's declarations, got ${ours.length}`);
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...ours.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]),
  ];
  return found.map(({ file, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, " ");
    return `TypeScript ${ts.version}, lib ${lib}, types ${types}: ${file?.fileName}: ${text}`;
  });
}

function hostOf(options) {
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...more) => {
    const file = parsed.get(name) ?? getSourceFile(name, ...more);
    parsed.set(name, file);
    return file;
  };
  return host;
}
