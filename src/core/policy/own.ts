/** A member of its own: never what an object inherits, since a user, a tool or a role may be called "constructor". */
export function own<T>(
  from: { readonly [name: string]: T } | undefined,
  name: string | undefined,
): T | undefined {
  return from !== undefined && name !== undefined && Object.hasOwn(from, name) ? from[name] : undefined;
}
