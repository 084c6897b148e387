/**
 * Composed secrets: one text out of others. No shell and no dotenv: `${NAME}` names a declared secret, `$$` is a dollar
 * sign, and a value that is put in is never looked at again.
 */
export interface Template {
  readonly parts: readonly (string | { readonly name: string })[];
  readonly names: readonly string[];
}

const NAME = /^[A-Z][A-Z0-9_]*$/;

/** Or what is wrong with it. */
export function parseTemplate(text: string): Template | { readonly problem: string } {
  const parts: (string | { name: string })[] = [];
  let literal = '';
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('$$', at)) {
      literal += '$';
      at += 2;
    } else if (text.startsWith('${', at)) {
      const end = text.indexOf('}', at);
      if (end === -1) return { problem: 'a brace that is not closed' };
      const name = text.slice(at + 2, end);
      if (!NAME.test(name)) return { problem: 'a name in braces is A-Z, 0-9 and "_"' };
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ name });
      at = end + 1;
    } else {
      literal += text[at];
      at++;
    }
  }
  if (literal !== '') parts.push(literal);
  const names = [...new Set(parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name])))];
  return names.length === 0 ? { problem: 'it names no other secret' } : { parts, names };
}

/** The values are bytes and stay what they are; undefined when one of them is missing. */
export function renderTemplate(
  { parts }: Template,
  lookUp: (name: string) => Buffer | undefined,
): Buffer | undefined {
  const bytes: Buffer[] = [];
  for (const part of parts) {
    const piece = typeof part === 'string' ? Buffer.from(part) : lookUp(part.name);
    if (piece === undefined) return undefined;
    bytes.push(piece);
  }
  return Buffer.concat(bytes);
}
