/** One value out of a JSON or INI document, by a pointer (RFC 6901). Hostile documents give undefined, never an error. */
const segments = (pointer: string): readonly string[] =>
  pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

export function extractJson(document: Buffer, pointer: string): Buffer | undefined {
  let at: unknown;
  try {
    at = JSON.parse(document.toString('utf8'));
  } catch {
    return undefined;
  }
  for (const part of segments(pointer)) {
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(part) ? at[Number(part)] : undefined;
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, part))
      at = (at as Readonly<Record<string, unknown>>)[part];
    else return undefined;
    if (at === undefined) return undefined;
  }
  return Buffer.from(typeof at === 'string' ? at : JSON.stringify(at));
}

/** `/key`, or `/section/key`. */
export function extractIni(document: Buffer, pointer: string): Buffer | undefined {
  const path = segments(pointer);
  const [section, key] = path.length === 1 ? [undefined, path[0]] : path;
  if (key === undefined || path.length > 2) return undefined;
  let current: string | undefined;
  for (const line of document.toString('utf8').split(/\r?\n/)) {
    const text = line.trim();
    if (text === '' || text.startsWith('#') || text.startsWith(';')) continue;
    const header = /^\[([^\]]+)\]$/.exec(text)?.[1];
    if (header !== undefined) current = header.trim();
    else {
      const at = text.search(/[=:]/);
      if (at === -1) return undefined;
      if (current === section && text.slice(0, at).trim() === key)
        return Buffer.from(text.slice(at + 1).trim());
    }
  }
  return undefined;
}
