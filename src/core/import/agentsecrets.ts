/** AgentSecrets' governance log: one flat record a call. spec/import.md section 3. */
import { type CredentialUse, INJECTION_STYLES, type Target } from '../entry.ts';
import { sha256Hex } from '../hash.ts';
import type { JsonObject } from '../json.ts';
import { textAt } from '../query/fields.ts';
import type { Decoder } from './decoder.ts';
import { countAt, flagAt, idAt, oneOf, othersThan, present, timeOf } from './values.ts';

const USED: ReadonlySet<string> = new Set([
  'id',
  'timestamp',
  'project_id',
  'agent_id',
  'credential_ref',
  'target_domain',
  'method',
  'status_code',
  'duration_ms',
  'redacted',
  'error',
]);

export function agentsecretsDecoder(): Decoder {
  return {
    unpaired: () => 0,
    decode({ value }) {
      const { target, left } = targetOf(value);
      const uses = credentialsOf(value);
      if (Object.keys(target).length === 0 && idAt(value, 'id') === undefined)
        return { refused: 'not a record of this format: neither id nor target nor method' };
      const error = textAt(value, 'error');
      const agent = idAt(value, 'agent_id');
      const outcome = present({
        status_code: countAt(value, 'status_code'),
        duration_ms: countAt(value, 'duration_ms'),
        redacted: flagAt(value, 'redacted'),
        error,
      });
      return {
        drafts: [
          {
            part: 0,
            ts: timeOf(value.timestamp),
            sourceId: textAt(value, 'id'),
            event: {
              type: 'http.call',
              phase: 'point',
              ...present({ project_id: idAt(value, 'project_id') }),
              ...(agent === undefined ? {} : { actor: { agent_id: agent } }),
              action: { name: 'http.call', ...(Object.keys(target).length === 0 ? {} : { target }) },
              ...(uses.credentials.length === 0 ? {} : { credentials: uses.credentials }),
              outcome: { status: error === undefined || error === '' ? 'ok' : 'error', ...outcome },
            },
            fields: present({ ...othersThan(value, USED), ...left, ...uses.left }),
          },
        ],
      };
    },
  };
}

/** Values of a query are in no entry, only their hash. */
function targetOf(value: JsonObject): { readonly target: Target; readonly left: JsonObject } {
  const text = textAt(value, 'target_url');
  const url = text === undefined ? null : URL.parse(text);
  const method = textAt(value, 'method');
  const host = url === null ? textAt(value, 'target_domain') : url.hostname;
  const target: Target = present({
    method,
    host,
    ...(url === null
      ? {}
      : {
          scheme: url.protocol.slice(0, -1),
          port: url.port === '' ? (PORTS[url.protocol] ?? undefined) : Number(url.port),
          path: url.pathname,
          query_hash: url.search.length < 2 ? undefined : sha256Hex(url.search.slice(1)),
        }),
  });
  // One that is no URL may hold anything, also what stands before an @.
  return { target, left: { target_url: undefined } };
}

const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 };

/** Several in one call are told side by side, with commas. */
function credentialsOf(value: JsonObject): {
  readonly credentials: CredentialUse[];
  readonly left: JsonObject;
} {
  const list = (name: string): readonly string[] => textAt(value, name)?.split(',') ?? [];
  const [styles, paths] = [list('injection_style'), list('resolution_path')];
  const credentials = list('credential_ref').flatMap((ref, i) =>
    ref === ''
      ? []
      : [
          {
            ref,
            ...present({
              injection_style: oneOf(styles[i], INJECTION_STYLES),
              resolution_path: paths[i],
            }),
          },
        ],
  );
  const known = styles.every((style) => style === '' || oneOf(style, INJECTION_STYLES) !== undefined);
  return {
    credentials,
    left: {
      injection_style: credentials.length > 0 && known ? undefined : textAt(value, 'injection_style'),
      resolution_path: credentials.length > 0 ? undefined : textAt(value, 'resolution_path'),
    },
  };
}
