/** A program of a run that has the broker as its HTTP proxy, as far as a test needs one. */
import { randomBytes } from 'node:crypto';
import { mintToken, TOKEN_RANDOM_BYTES } from '../../../src/core/identity/token.ts';
import { type Answer, type CallOptions, type Stage, send } from './stage.ts';

export const secret = () => randomBytes(18).toString('base64url');

export async function startRun(s: Stage): Promise<string> {
  const run = mintToken('run', new Uint8Array(randomBytes(TOKEN_RANDOM_BYTES)), s.recorder.now());
  await s.recorder.record(
    {
      type: 'run.start',
      phase: 'point',
      run_id: run.id,
      metadata: { token_id: run.id, token_hash: run.hash },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  return run.token;
}

export const proxied = (token: string) => `Basic ${Buffer.from(`run:${token}`).toString('base64')}`;

/** As a program does that has the run's proxy in its environment. */
export function via(s: Stage, token: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const { headers, ...rest } = options;
  return send(s.port, {
    ...rest,
    path: url,
    headers: { Host: new URL(url).host, 'Proxy-Authorization': proxied(token), ...headers },
  });
}

/** The policy of the stage, and `names` may go to 127.0.0.1, into bodies too. */
export async function bind(s: Stage, origin: string, ...names: string[]): Promise<void> {
  await s.policy(`version: "2"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${new URL(origin).port}, http: true, internal: true }]
credentials: { ${names.map((name) => `${name}: { hosts: [127.0.0.1] }`).join(', ')} }
`);
}

export interface Echoed {
  readonly method: string;
  readonly url: string;
  readonly raw: string[];
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Origin of an upstream that tells what it was sent to `seen`, and nothing of it in its answer. */
export async function listening(s: Stage): Promise<{ origin: string; seen: Echoed[] }> {
  const seen: Echoed[] = [];
  const up = await s.upstream((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      seen.push({
        method: req.method ?? '',
        url: req.url ?? '',
        raw: req.rawHeaders,
        headers: req.headers as Record<string, string>,
        body: Buffer.concat(chunks).toString(),
      });
      res.end('fine');
    });
  });
  return { origin: up.origin, seen };
}
