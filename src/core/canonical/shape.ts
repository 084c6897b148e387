/**
 * Fixed key orders, read off the zod schemas, so that there is no second list of fields. A schema that gains a field
 * gains it here.
 */
import { z } from 'zod';
import { quote } from './quote.ts';
import type { Frame } from './write.ts';

/** One known member of an object, with its text made once. */
export interface Field {
  readonly key: string;
  /** `"key":` and the variants that save a concatenation on the hot path. */
  readonly head: string;
  readonly commaHead: string;
  readonly stringHead: string;
  readonly commaStringHead: string;
  /** Set when the member is an object of a known shape, or an array of such objects. */
  readonly shape: Shape | undefined;
  readonly many: boolean;
  readonly schema: z.core.$ZodType;
}

export interface Shape {
  /** In RFC 8785 order. */
  readonly fields: readonly Field[];
  readonly byKey: ReadonlyMap<string, Field>;
  /** Texts of objects that never change. */
  readonly constants: WeakMap<object, string>;
  /** Stand-ins for the frames of the general path, so that depth is counted on from here. */
  readonly outside: Frame | undefined;
  readonly inside: Frame;
}

/** The object schema behind optional wrappers and one array level. */
function unwrap(schema: z.core.$ZodType): { readonly schema: z.core.$ZodType; readonly many: boolean } {
  let inner = schema;
  let many = false;
  for (;;) {
    if (inner instanceof z.ZodOptional) inner = inner.unwrap();
    else if (inner instanceof z.ZodArray && !many) {
      inner = inner.element;
      many = true;
    } else return { schema: inner, many };
  }
}

export function shapeOf(schema: z.ZodObject, depth = 1): Shape {
  const fields = Object.keys(schema.shape)
    .sort()
    .map((key): Field => {
      const member = schema.shape[key] as z.core.$ZodType;
      const inner = unwrap(member);
      const head = `${quote(key)}:`;
      return {
        key,
        head,
        commaHead: `,${head}`,
        stringHead: `${head}"`,
        commaStringHead: `,${head}"`,
        shape:
          inner.schema instanceof z.ZodObject
            ? shapeOf(inner.schema, depth + (inner.many ? 2 : 1))
            : undefined,
        many: inner.many,
        schema: inner.schema,
      };
    });
  return {
    fields,
    byKey: new Map(fields.map((field) => [field.key, field])),
    constants: new WeakMap(),
    outside: depth === 1 ? undefined : frameAt(depth - 1),
    inside: frameAt(depth),
  };
}

function frameAt(depth: number): Frame {
  return { parent: undefined, key: '', value: {}, depth };
}
