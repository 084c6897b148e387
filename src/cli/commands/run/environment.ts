/**
 * The environment of a program whose calls go through the broker (docs/run.md). Pure: what it is handed is all
 * it knows. Every variable is in here because some program that people run reads it, and reads no other.
 */
type Env = Readonly<Record<string, string | undefined>>;

export interface Trust {
  /** The roots of this machine and our authority: for programs that take one file in place of their own roots. */
  readonly bundle: string;
  /** For programs that take a file beside their own roots: our authority, and what the user had there. */
  readonly extra: string;
  /** Our authority's certificate alone. */
  readonly certificate: string;
  /** A wgetrc that names the bundle: wget reads no variable for it. */
  readonly wgetrc: string;
}

export interface Place {
  /** `http://127.0.0.1:PORT` of the broker. */
  readonly url: string;
  /** Of the run; it is how the broker knows the caller. Undefined: nobody records, and the broker is told no run. */
  readonly token: string | undefined;
  /** Undefined: there is no authority and none can be made, so that no call over TLS comes through. */
  readonly trust: Trust | undefined;
  /** What Node loads before a program (bin/bootstrap.cjs). */
  readonly bootstrap: string;
}

/** The user's name in the proxy's address; it says nothing, the token does. */
const PROXY_USER = 'run';

/** Read in place of the roots that the program brings or the system has. */
// biome-ignore format: a list
const BUNDLE_VARIABLES = [
  'SSL_CERT_FILE',                        // OpenSSL, Go, Ruby, PHP, .NET, httpx, uv, rustls-native-certs
  'REQUESTS_CA_BUNDLE', 'PIP_CERT',       // Python requests, pip
  'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO',
  'CARGO_HTTP_CAINFO', 'AWS_CA_BUNDLE', 'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
  'npm_config_cafile', 'YARN_HTTPS_CA_FILE_PATH', 'NIX_SSL_CERT_FILE',
] as const;
/** Read beside them. */
const EXTRA_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'] as const;

/** curl reads `http_proxy` in lower case only; others read one case or the other. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'] as const;
/** Programs with settings of their own, which would win over the variables above. */
// biome-ignore format: a list
const OWN_PROXY_VARIABLES = [
  'npm_config_proxy', 'npm_config_https_proxy', 'YARN_HTTP_PROXY', 'YARN_HTTPS_PROXY',
  'PIP_PROXY', 'CARGO_HTTP_PROXY',
] as const;
const EXCEPTION_VARIABLES = ['NO_PROXY', 'no_proxy', 'npm_config_noproxy'] as const;

/** Files of roots that the user named before: what they trust is trusted on. */
export const USER_ROOTS = [
  ...EXTRA_VARIABLES,
  ...BUNDLE_VARIABLES.filter((name) => name !== 'SSL_CERT_FILE'),
];

/** Names that no project may have a placeholder put into: a program would not start, or would call past the broker. */
const KEPT =
  /^(?:PATH|HOME|USER|SHELL|TERM|LANG|PWD|TMPDIR|LD_.*|DYLD_.*|NODE_.*|PYTHON.*|GIT_.*|SYSTEM_WGETRC|TALLY_.*)$/;
const SET: ReadonlySet<string> = new Set(
  [
    ...BUNDLE_VARIABLES,
    ...EXTRA_VARIABLES,
    ...PROXY_VARIABLES,
    ...OWN_PROXY_VARIABLES,
    ...EXCEPTION_VARIABLES,
  ].map((name) => name.toUpperCase()),
);

export function isReserved(name: string): boolean {
  return KEPT.test(name) || SET.has(name.toUpperCase());
}

/** What is added to `env`; variables of the user are replaced, but for NODE_OPTIONS and Git's, which are added to. */
export function proxyVariables(env: Env, { url, token, trust, bootstrap }: Place): Record<string, string> {
  const { host } = new URL(url);
  const proxy = token === undefined ? url : `http://${PROXY_USER}:${token}@${host}`;
  const given: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) {
    given[name] = proxy;
    given[name.toLowerCase()] = proxy;
  }
  for (const name of OWN_PROXY_VARIABLES) given[name] = proxy;
  // The broker itself and nothing else: calls that are addressed to it need no proxy. With its port, which programs
  // that know no ports here take for a name that nobody has: loopback as such is recorded like everything else.
  for (const name of EXCEPTION_VARIABLES) given[name] = host;
  return {
    ...given,
    ...gitVariables(env, proxy),
    NODE_USE_ENV_PROXY: '1',
    NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS, bootstrap),
    ...(trust === undefined ? {} : trustVariables(trust)),
  };
}

function trustVariables({ bundle, extra, wgetrc, certificate }: Trust): Record<string, string> {
  const given: Record<string, string> = { SYSTEM_WGETRC: wgetrc, TALLY_CA_FILE: certificate };
  for (const name of BUNDLE_VARIABLES) given[name] = bundle;
  for (const name of EXTRA_VARIABLES) given[name] = extra;
  return given;
}

/** A `http.proxy` in somebody's gitconfig wins over the environment; these win over it. */
function gitVariables(env: Env, proxy: string): Record<string, string> {
  const before = Number(env.GIT_CONFIG_COUNT ?? '');
  const count = Number.isSafeInteger(before) && before > 0 ? before : 0;
  return {
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: 'http.proxy',
    [`GIT_CONFIG_VALUE_${count}`]: proxy,
    // Otherwise it asks without the token first, and is turned away once for every connection.
    GIT_HTTP_PROXY_AUTHMETHOD: 'basic',
  };
}

/** The user's own come first; a run inside a run adds nothing. Quoted as Node reads it. */
function nodeOptions(before: string | undefined, bootstrap: string): string {
  const path = /[\s"\\]/.test(bootstrap) ? `"${bootstrap.replace(/(["\\])/g, '\\$1')}"` : bootstrap;
  const option = `--require=${path}`;
  if (before === undefined || before.trim() === '') return option;
  return before.includes(option) ? before : `${before} ${option}`;
}
