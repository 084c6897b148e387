/**
 * An API and a Git server that only those reach who bring the credential, over TLS with an authority of its own, which
 * no program trusts. It keeps what it saw, so that a test can hold the record against it.
 */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { authorityCertificate, leafCertificate } from '../../src/capture/ca/certificate.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** Its authority's certificate, a file. */
  readonly ca: string;
  readonly seen: readonly Seen[];
}

const HOUR_MS = 3_600_000;

function certificates(): { readonly ca: string; readonly key: string; readonly cert: string } {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = pair();
  const server = pair();
  const span = { from: new Date(Date.now() - HOUR_MS), until: new Date(Date.now() + HOUR_MS) };
  const issuer = { name: 'Upstream test CA', key: authority.privateKey, publicKey: authority.publicKey };
  const cert = leafCertificate(issuer, 'localhost', server.publicKey, span, randomBytes(16));
  return {
    ca: authorityCertificate(issuer, span, randomBytes(16)),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert,
  };
}

/** A bare repository that plain files serve ("dumb" HTTP). Undefined: there is no git here. */
function makeRepository(directory: string): string | undefined {
  const git = (...args: readonly string[]): void => {
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.example', ...args], {
      cwd: directory,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, HOME: directory, GIT_CONFIG_NOSYSTEM: '1' },
    });
  };
  try {
    git('init', '-q', 'work');
    writeFileSync(join(directory, 'work', 'README'), 'cloned through the broker\n');
    git('-C', 'work', 'add', 'README');
    git('-C', 'work', 'commit', '-qm', 'one file');
    git('clone', '-q', '--bare', 'work', 'repo.git');
    git('-C', 'repo.git', 'update-server-info');
    return join(directory, 'repo.git');
  } catch {
    // The test that needs it is skipped with a reason.
    return undefined;
  }
}

export async function startTlsUpstream(t: TestContext, directory: string, secret: string): Promise<Upstream> {
  const { ca, key, cert } = certificates();
  const caFile = join(directory, 'upstream-ca.pem');
  writeFileSync(caFile, ca);
  const repository = makeRepository(directory);
  const seen: Seen[] = [];
  const server = createServer({ key, cert }, (request, response) => {
    const { method = '', url = '', headers } = request;
    const answer = (status: number, body: string | Buffer): void => {
      seen.push({ method, path: url, status, headers });
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    };
    request.resume().on('end', () => {
      if (headers.authorization !== `Bearer ${secret}`) return answer(401, '{"error":"who are you?"}');
      if (!url.startsWith('/repo.git/')) return answer(200, JSON.stringify({ object: 'balance', path: url }));
      const file = join(
        repository ?? directory,
        new URL(url, 'https://localhost').pathname.slice('/repo.git/'.length),
      );
      if (repository === undefined || !existsSync(file)) return answer(404, '{}');
      return answer(200, readFileSync(file));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://localhost:${port}`, port, ca: caFile, seen };
}
