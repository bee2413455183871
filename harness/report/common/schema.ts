/**
 * What the schemas of all documents are made of. A document is `{ schema, command, environment,
 * seed, parameters, results }`; its own file says what the last two hold.
 */
import * as v from "valibot";

/** A value with what its schema says about it. */
export function described<T extends v.GenericSchema>(schema: T, text: string) {
  return v.pipe(schema, v.description(text));
}

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const positive = v.pipe(v.number(), v.minValue(0));
export const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** The first version of the document of a command. */
export function documentOf<
  const Name extends string,
  Parameters extends v.GenericSchema,
  Results extends v.GenericSchema,
>(command: Name, parameters: Parameters, results: Results) {
  return v.object({
    schema: v.literal(`slablab/${command}/v1` as const),
    command: v.literal(command),
    environment: v.looseObject({}),
    seed: count,
    parameters,
    results,
  });
}
