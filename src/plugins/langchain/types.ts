/** What of LangChain the plug-in reads. It is written anew: the packages are not needed to build or to load it. */

/** A tool as LangChain's classes make it: `_call` gets the arguments as its schema made them. */
export interface ToolLike {
  readonly name: string;
  readonly _call?: (args: unknown, runManager?: unknown, config?: unknown) => unknown;
  readonly invoke?: (input: unknown, config?: unknown) => unknown;
  readonly responseFormat?: unknown;
  readonly toJSON?: () => unknown;
}

export type Words = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Words {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textIn(from: unknown, name: string): string | undefined {
  const found = isObject(from) ? from[name] : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function objectIn(from: unknown, name: string): Words | undefined {
  const found = isObject(from) ? from[name] : undefined;
  return isObject(found) ? found : undefined;
}

/** An object in JSON, or the text that it is. */
export function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}
