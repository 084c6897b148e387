/** From the flags of `tally call` to one request to the broker. Pure. */
import { TallyError } from '../../../core/error.ts';
import { isTracestate, readTraceparent } from '../../../core/trace-context.ts';

export interface CallFlags {
  readonly url: string;
  readonly method?: string;
  readonly bearer?: string;
  readonly basic?: string;
  /** `Name=KEY`, as all that follow. */
  readonly header?: readonly string[];
  readonly query?: readonly string[];
  readonly bodyField?: readonly string[];
  readonly formField?: readonly string[];
  /** `Name: value`, sent as it is. */
  readonly plainHeader?: readonly string[];
  readonly agent?: string;
}

export interface Credentials {
  readonly agentToken?: string | undefined;
  readonly runToken?: string | undefined;
  /** W3C trace context of the environment, as tools that start others pass it on. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

export interface BrokerRequest {
  readonly method: string;
  /** In order; names may repeat where HTTP lets them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function buildRequest(
  flags: CallFlags,
  credentials: Credentials,
  body: Buffer | undefined,
): BrokerRequest {
  // The broker would refuse it by the name of its own header, which nobody here has written.
  if (!/^https?:\/\//i.test(flags.url))
    throw new TallyError('USAGE', 'the URL does not begin with https:// or http://', {
      hint: 'tally call --url https://… --bearer KEY',
    });
  const injections = injectionsOf(flags);
  if (injections.length === 0) {
    throw new TallyError('USAGE', 'no credential is named, and the broker is for calls that need one', {
      hint: 'add --bearer KEY, --basic KEY, --header Name=KEY, --query param=KEY, --body-field a.b=KEY or --form-field f=KEY',
    });
  }
  const plain = (flags.plainHeader ?? []).map(plainHeader);
  const fields = (flags.bodyField ?? []).length + (flags.formField ?? []).length > 0;
  const method = (flags.method ?? (body !== undefined || fields ? 'POST' : 'GET')).toUpperCase();
  const typed = plain.some(([name]) => name.toLowerCase() === 'content-type');
  const type =
    body === undefined || typed ? undefined : contentType(body, (flags.formField ?? []).length > 0);
  return {
    method,
    headers: [
      ['X-AS-Target-URL', flags.url],
      ['X-AS-Method', method],
      ...(flags.agent === undefined ? [] : [['X-AS-Agent-ID', flags.agent] as const]),
      ...(credentials.agentToken === undefined
        ? []
        : [['X-AS-Agent-Token', credentials.agentToken] as const]),
      ...(credentials.runToken === undefined ? [] : [['X-AS-Session-Token', credentials.runToken] as const]),
      ...injections,
      ...(type === undefined ? [] : [['Content-Type', type] as const]),
      ...traceOf(credentials, plain),
      ...plain,
    ],
    body,
  };
}

/** A context that is not one is left out: the call then gets one of its own. `-H` says it better than the environment. */
function traceOf(
  { traceparent, tracestate }: Credentials,
  plain: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  if (traceparent === undefined || readTraceparent([traceparent]).kind !== 'valid') return [];
  if (plain.some(([name]) => /^trace(parent|state)$/i.test(name))) return [];
  const state = tracestate !== undefined && tracestate !== '' && isTracestate([tracestate]);
  return [['traceparent', traceparent], ...(state ? [['tracestate', tracestate] as const] : [])];
}

function injectionsOf(flags: CallFlags): readonly (readonly [string, string])[] {
  const pairs = (flag: string, prefix: string, texts: readonly string[] | undefined) =>
    (texts ?? []).map((text) => {
      const [name, key] = pair(flag, text);
      if (TOKEN.test(name)) return [`X-AS-Inject-${prefix}-${name}`, key] as const;
      throw new TallyError(
        'USAGE',
        `--${flag}: the name ${JSON.stringify(name)} cannot travel to the broker`,
        {
          hint: "names are letters, digits and !#$%&'*+.^_`|~-",
        },
      );
    });
  return [
    ...(flags.bearer === undefined ? [] : [['X-AS-Inject-Bearer', flags.bearer] as const]),
    ...(flags.basic === undefined ? [] : [['X-AS-Inject-Basic', flags.basic] as const]),
    ...pairs('header', 'Header', flags.header),
    ...pairs('query', 'Query', flags.query),
    ...pairs('body-field', 'Body', flags.bodyField?.map(dashedPath)),
    ...pairs('form-field', 'Form', flags.formField),
  ];
}

function pair(flag: string, text: string): readonly [name: string, key: string] {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new TallyError('USAGE', `--${flag} is written NAME=KEY, where KEY is the name of a stored secret`, {
    hint: `for example: --${flag} ${flag === 'body-field' ? 'auth.token' : 'api_key'}=STRIPE_KEY`,
  });
}

/** `auth.token=KEY` travels as `auth-token`: a header name has no better separator, so a "-" of its own cannot. */
function dashedPath(text: string): string {
  const at = text.indexOf('=');
  const path = at === -1 ? text : text.slice(0, at);
  if (path.includes('-')) {
    throw new TallyError(
      'USAGE',
      `--body-field: the path ${JSON.stringify(path)} has a "-", which the broker reads as "."`,
      {
        hint: 'use --header or --query where the API offers it',
      },
    );
  }
  return path.replaceAll('.', '-') + text.slice(path.length);
}

function plainHeader(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  const name = text.slice(0, Math.max(0, at)).trim();
  const value = text.slice(at + 1).trim();
  if (!TOKEN.test(name)) {
    throw new TallyError('USAGE', '-H is written "Name: value"', {
      hint: 'for example: -H "Accept: application/json"',
    });
  }
  if (/^x-as-/i.test(name)) {
    throw new TallyError('USAGE', `-H: ${name} is a control header of the broker`, {
      hint: 'use the flag for it: see `tally call --help`',
    });
  }
  return [name, value];
}

/** Names of plain headers that usually hold a secret. */
export function revealing(flags: CallFlags): readonly string[] {
  const secret = /^(authorization|proxy-authorization|cookie|.*(api-?key|token|secret|password).*)$/i;
  return (flags.plainHeader ?? [])
    .map((text) => text.split(':')[0]?.trim() ?? '')
    .filter((name) => secret.test(name));
}

function contentType(body: Buffer, form: boolean): string {
  if (form) return 'application/x-www-form-urlencoded';
  try {
    JSON.parse(body.toString('utf8'));
    return 'application/json';
  } catch {
    return 'application/octet-stream';
  }
}
