/**
 * HashiCorp Vault and OpenBao over HTTP: the key-value engine, version 2 or 1. Each secret is an entry of its own under
 * `secretspec/{project}/{profile}/{key}` with its value in the field `value`, as the published program keeps it.
 *
 * The token goes to the server that the person or the machine's configuration names, never to one that only a manifest
 * names: a cloned repository could send it anywhere.
 */
import { LIMITS } from '../../../core/limits.ts';
import { type Provider, providerError, type Ref, requireSize, type Where } from '../provider.ts';
import { type KvReply, kvRequest } from './kv-http.ts';
import { createLogin } from './kv-login.ts';
import { type KvPlace, placeOf } from './kv-place.ts';

export interface KvOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly where: Where | undefined;
  readonly trusted: boolean;
  /** What the alias says of the provider's own credentials. */
  readonly secret: (name: string) => Promise<Buffer | undefined>;
}

export function kvProvider(spec: string, options: KvOptions): Provider {
  const place = placeOf(spec, options);
  const login = createLogin(place, options);
  const { mount, version } = place;

  async function ask(
    method: Parameters<typeof kvRequest>[1],
    path: string,
    body?: unknown,
  ): Promise<KvReply> {
    const reply = await kvRequest(place.server, method, path, { token: await login.token(), body });
    if (reply.status === 403) login.forget();
    return reply;
  }

  const url = (kind: 'data' | 'metadata', item: string): string =>
    `/v1/${encodePath(mount)}/${version === 1 ? '' : `${kind}/`}${encodePath(item)}`;

  /** undefined: no such entry, or a version of it that was deleted. */
  async function read(item: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const reply = await ask('GET', url('data', item));
    if (reply.status === 404) {
      // An engine that is not there answers 404 too, with words; an entry that is not there answers without any.
      if (said(reply) !== undefined && !hasData(reply)) throw refusal(place, reply);
      return undefined;
    }
    if (reply.status !== 200) throw refusal(place, reply);
    const data = member(reply.body, 'data');
    const fields = version === 1 ? data : member(data, 'data');
    if (isObject(fields)) return fields;
    throw providerError(
      'provider_answer_invalid',
      `${place.server.host} does not answer as a key-value engine of version ${version} does`,
      'is the mount right, and its version? ?kv=1 for version 1',
    );
  }

  return {
    uri: place.uri,
    address: (name, ref) =>
      `${place.uri}, ${ref === undefined ? `${item(options.where, name)}` : `${ref.item}`}`,
    async get(name, ref) {
      const field = fieldOf(ref);
      const fields = await read(ref === undefined ? item(options.where, name) : refItem(ref));
      const value = fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
      if (value === undefined || value === null) return undefined;
      const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
      requireSize(bytes, name);
      return bytes;
    },
    async set(name, value, ref) {
      if (ref !== undefined) throw readOnly(ref);
      requireSize(value, name);
      const text = asText(value, name);
      const fields = { value: text };
      const reply = await ask(
        'POST',
        url('data', item(options.where, name)),
        version === 1 ? fields : { data: fields },
      );
      if (reply.status !== 200 && reply.status !== 204) throw refusal(place, reply);
      return undefined;
    },
    async delete(name, ref) {
      if (ref !== undefined) throw readOnly(ref);
      if ((await read(item(options.where, name))) === undefined) return false;
      // All versions: one that is only marked as deleted can be brought back.
      const reply = await ask('DELETE', url('metadata', item(options.where, name)));
      if (reply.status !== 204 && reply.status !== 200) throw refusal(place, reply);
      return true;
    },
    async list() {
      const reply = await ask(
        'GET',
        `${url('metadata', item(options.where, '').replace(/\/$/, ''))}?list=true`,
      );
      if (reply.status === 404 && said(reply) === undefined) return [];
      if (reply.status !== 200) throw refusal(place, reply);
      const keys = member(member(reply.body, 'data'), 'keys');
      if (!Array.isArray(keys)) return [];
      return keys.filter((key): key is string => typeof key === 'string' && !key.endsWith('/')).sort();
    },
    close: () => login.forget(),
  };
}

function item(where: Where | undefined, name: string): string {
  return where === undefined ? `tallystick/${name}` : `secretspec/${where.project}/${where.profile}/${name}`;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function refItem(ref: Ref): string {
  const other = (['vault', 'section', 'version'] as const).find((name) => ref[name] !== undefined);
  if (other !== undefined)
    throw providerError(
      'ref_unsupported',
      `an entry of this server has no ${other}`,
      'the mount is part of the address: vault://host/mount',
    );
  if (ref.item.split('/').some((part) => part === '..' || part === '.' || part === ''))
    throw providerError(
      'provider_misconfigured',
      'that is no path of an entry',
      'for example ref = { item = "team/db", field = "password" }',
    );
  return ref.item;
}

function fieldOf(ref: Ref | undefined): string {
  if (ref === undefined) return 'value';
  if (ref.field !== undefined) return ref.field;
  throw providerError(
    'ref_unsupported',
    'an entry of this server is a record: the ref has to say which field',
    'ref = { item = "…", field = "…" }',
  );
}

function readOnly(ref: Ref): Error {
  return providerError(
    'provider_read_only',
    `${ref.item} belongs to others and may hold more fields: it is only read from here`,
    'change it with the program of its store',
  );
}

function asText(value: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch (error) {
    throw providerError(
      'value_invalid',
      `the value of ${name} is not UTF-8, and this server keeps text`,
      'say `encoding = "base64"` in the manifest, or keep it in the local vault',
      error,
    );
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function hasData({ body }: KvReply): boolean {
  return member(body, 'data') !== undefined;
}

/** The server's own words: the first of its errors, as far as they can be printed. */
function said({ body }: KvReply): string | undefined {
  const errors = member(body, 'errors');
  const [first] = Array.isArray(errors) ? errors : [];
  if (typeof first !== 'string') return undefined;
  const text = first
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, LIMITS.providerWordsChars);
  return text === '' ? undefined : text;
}

export function refusal(place: Pick<KvPlace, 'server'>, reply: KvReply): Error {
  const { host } = place.server;
  const words = said(reply);
  const why = words === undefined ? `status ${reply.status}` : `status ${reply.status}: ${words}`;
  if (reply.status === 503 || (words !== undefined && /sealed/i.test(words)))
    return providerError(
      'provider_locked',
      `${host} is sealed, or not ready (${why})`,
      'its operators have to unseal it',
    );
  if (reply.status === 401 || reply.status === 403)
    return providerError(
      'provider_denied',
      `${host} says no (${why})`,
      'is the token alive, and does its policy cover this path?',
    );
  if (reply.status === 404)
    return providerError(
      'provider_misconfigured',
      `${host} has nothing there (${why})`,
      'the mount is part of the address: vault://host/mount',
    );
  return providerError(
    'provider_failed',
    `${host} did not do it (${why})`,
    'try again, or ask its operators',
  );
}
