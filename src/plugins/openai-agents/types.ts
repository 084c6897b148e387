/** What of the Agents SDK the plug-in reads. It is written anew: the package is not needed to build or to load it. */

/** A span of a trace, as the SDK's processors are handed it. */
export interface SpanLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly spanData: Readonly<Record<string, unknown>> & { readonly type?: unknown };
  readonly error: SpanErrorLike | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

export interface SpanErrorLike {
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

export interface TraceLike {
  readonly traceId: string;
  readonly name: string;
  readonly groupId: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export type Invoke = (context: unknown, input: string, details?: ToolDetails) => Promise<unknown>;
export type NeedsApproval = (context: unknown, input: unknown, callId?: string) => Promise<boolean>;

export interface ToolDetails {
  readonly toolCall?: { readonly callId?: string };
  readonly resumeState?: unknown;
  readonly signal?: AbortSignal;
}

export interface FunctionToolLike {
  readonly type: 'function';
  readonly name: string;
  readonly invoke: Invoke;
  readonly needsApproval: NeedsApproval;
  readonly outputSchema?: unknown;
  readonly errorFunction?: ((context: unknown, error: unknown, details?: ToolDetails) => unknown) | null;
}

const NAMED = /^([A-Za-z_$][\w$]{0,63}): ([\s\S]*)$/;
const CUT = /^Failed to run function tools: (AbortError|TimeoutError): /;

/** Of an error that a span tells in text: what the framework threw, by its name. */
export function errorOf({ message, data }: SpanErrorLike): Error {
  const told = data?.error;
  const text = typeof told === 'string' && told !== '' ? told : message;
  const [, name, why = text] = NAMED.exec(text) ?? [];
  const error = new Error(why);
  // A tool that was aborted with its run is wrapped into what says that it failed.
  const cut = CUT.exec(why)?.[1];
  if (name !== undefined) error.name = cut ?? name;
  return error;
}

export function textIn(from: object, name: string): string | undefined {
  const found = (from as Readonly<Record<string, unknown>>)[name];
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function objectIn(
  from: object | undefined,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const found = (from as Readonly<Record<string, unknown>> | undefined)?.[name];
  return isObject(found) ? found : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the model asked for: an object in JSON, or whatever it wrote. */
export function argsIn(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
