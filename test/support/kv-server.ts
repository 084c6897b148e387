/**
 * A key-value server as HashiCorp and OpenBao describe theirs, as much of it as a client of secrets meets: tokens,
 * AppRole, the engine in versions 1 and 2, a sealed server, a mount that is not there, answers that are none.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

export interface KvServerOptions {
  readonly token: string;
  readonly version: 1 | 2;
  readonly role?: { readonly id: string; readonly secret: string };
}

export interface KvTestServer {
  readonly port: number;
  /** Every request: method, path, token. */
  readonly seen: readonly {
    readonly method: string;
    readonly path: string;
    readonly token: string | undefined;
  }[];
  mode: 'ok' | 'sealed' | 'silent' | 'nonsense' | 'endless' | 'redirect';
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return text === '' ? undefined : JSON.parse(text);
}

export async function startKvServer({ token, version, role }: KvServerOptions): Promise<KvTestServer> {
  const kept = new Map<string, unknown>();
  const seen: { method: string; path: string; token: string | undefined }[] = [];
  const state: { mode: KvTestServer['mode'] } = { mode: 'ok' };

  const answer = (
    method: string,
    path: string,
    given: string | undefined,
    body: unknown,
  ): readonly [number, unknown] => {
    if (state.mode === 'sealed') return [503, { errors: ['Vault is sealed'] }];
    if (path === '/v1/auth/approle/login' && method === 'POST') {
      const { role_id: id, secret_id: secret } = body as { role_id?: string; secret_id?: string };
      if (role === undefined || id !== role.id || secret !== role.secret)
        return [400, { errors: ['invalid role or secret ID'] }];
      return [200, { auth: { client_token: token, lease_duration: 3600 } }];
    }
    if (given !== token) return [403, { errors: ['permission denied'] }];
    const match = (version === 2 ? /^\/v1\/secret\/(data|metadata)\/(.+)$/ : /^\/v1\/secret\/()(.+)$/).exec(
      path.replace('?list=true', ''),
    );
    if (match === null)
      return [404, { errors: [`no handler for route "${path.slice(4)}". route entry not found.`] }];
    const item = decodeURIComponent(match[2] ?? '');
    if (path.endsWith('?list=true')) {
      const keys = [...kept.keys()]
        .filter((key) => key.startsWith(`${item}/`))
        .map((key) => key.slice(item.length + 1));
      return keys.length === 0 ? [404, { errors: [] }] : [200, { data: { keys } }];
    }
    if (method === 'POST') {
      kept.set(item, version === 2 ? (body as { data: unknown }).data : body);
      return version === 2 ? [200, { data: { version: 1 } }] : [204, undefined];
    }
    if (method === 'DELETE') {
      kept.delete(item);
      return [204, undefined];
    }
    const data = kept.get(item);
    if (data === undefined) return [404, { errors: [] }];
    return [200, { data: version === 2 ? { data, metadata: { version: 1 } } : data }];
  };

  const server = createServer((request, response) => {
    const given = request.headers['x-vault-token'];
    const path = request.url ?? '';
    seen.push({ method: request.method ?? '', path, token: typeof given === 'string' ? given : undefined });
    if (state.mode === 'silent') return;
    if (state.mode === 'nonsense') return response.end('<html>hello</html>');
    if (state.mode === 'redirect')
      return response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end('{}');
    if (state.mode === 'endless') {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      return more();
    }
    void bodyOf(request).then((body) => {
      const [status, reply] = answer(
        request.method ?? '',
        path,
        typeof given === 'string' ? given : undefined,
        body,
      );
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(reply === undefined ? undefined : JSON.stringify(reply));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    seen,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
