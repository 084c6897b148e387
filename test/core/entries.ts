/** Entries for property tests, generated from the schema itself: a field that the schema gains is tested too. */
import fc from 'fast-check';
import { z } from 'zod';

export const wellFormed = fc.string({ unit: 'grapheme', maxLength: 30 });
const awkward = fc.oneof(
  wellFormed,
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '"', '\\', '\n', ' ', '\u{1f600}', 'ﬃ', '__proto__', '1', '10', '02', 'é'),
);

/** Any JSON value, awkward names, numbers and `undefined` members included. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    awkward,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    tie('object'),
  ),
  object: fc
    .array(
      fc.tuple(
        awkward,
        fc.oneof({ weight: 9, arbitrary: tie('value') }, { weight: 1, arbitrary: fc.constant(undefined) }),
      ),
      {
        maxLength: 6,
      },
    )
    .map((members) => Object.fromEntries(members)),
})).value;

const shuffled = (members: readonly [string, unknown][]): fc.Arbitrary<object> =>
  fc
    .shuffledSubarray([...members], { minLength: members.length, maxLength: members.length })
    .map((order) => Object.fromEntries(order));

/** Values of one schema member: what it allows, and sometimes anything else. */
function valuesOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodOptional) return valuesOf(schema.unwrap());
  if (schema instanceof z.ZodArray) return fc.array(valuesOf(schema.element), { maxLength: 3 });
  if (schema instanceof z.ZodObject) return objectsOf(schema);
  if (schema instanceof z.ZodNumber)
    return fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  if (schema instanceof z.ZodString) return fc.oneof(wellFormed, awkward);
  return anyJson;
}

/** Objects with some of the schema's members, sometimes unknown ones, in any order. */
export function objectsOf(schema: z.ZodObject): fc.Arbitrary<object> {
  const known = Object.entries(schema.shape).map(([key, member]) =>
    fc.tuple(
      fc.constant(key),
      fc.oneof(
        { weight: 12, arbitrary: valuesOf(member) },
        { weight: 10, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: anyJson },
      ),
      fc.boolean(),
    ),
  );
  const unknown = fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(awkward, anyJson), { maxLength: 2 }) },
  );
  return fc.tuple(fc.tuple(...known), unknown).chain(([members, extra]) => {
    // An undefined member is sometimes present and sometimes not there at all.
    const kept = members.filter(([, value, keep]) => value !== undefined || keep);
    return shuffled([...kept.map(([key, value]): [string, unknown] => [key, value]), ...extra]);
  });
}
