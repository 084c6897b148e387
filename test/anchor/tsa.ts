/** A real time stamping authority on this machine: certificates and tokens by openssl, over HTTP. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export interface Authority {
  readonly directory: string;
  /** The root certificate, PEM. */
  readonly ca: string;
  /** The answer to a request, DER. `section`: another of the certificates below. */
  reply(request: Uint8Array, section?: keyof typeof CERTIFICATES): Buffer;
  /** The time stamp of a response signed anew by another certificate, whatever openssl thinks of it. */
  resign(
    response: Buffer,
    section: keyof typeof CERTIFICATES,
    options?: { readonly ess?: boolean; readonly type?: string },
  ): Buffer;
  readonly run: (...args: readonly string[]) => Buffer;
}

/** Extensions of the certificates that this authority has. */
const CERTIFICATES = {
  good: 'extendedKeyUsage=critical,timeStamping',
  web: 'extendedKeyUsage=critical,serverAuth',
  both: 'extendedKeyUsage=critical,timeStamping,serverAuth',
  casual: 'extendedKeyUsage=timeStamping',
  expired: 'extendedKeyUsage=critical,timeStamping',
  strange: 'extendedKeyUsage=critical,timeStamping\n1.2.3.4=critical,ASN1:UTF8String:x',
} as const;

/** `t`: a test, or whoever else says when the files may go. */
export function makeAuthority(t: { after(done: () => void): void }): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'tally-tsa-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const run = (...args: readonly string[]): Buffer =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const root = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n';
  writeFileSync(join(directory, 'root.ext'), `${root}subjectKeyIdentifier=hash\n`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;
  run('req', ...key, '-keyout', 'ca.key', '-out', 'ca.csr', '-subj', '/CN=Test root');
  run(
    'x509',
    '-req',
    '-in',
    'ca.csr',
    '-signkey',
    'ca.key',
    '-extfile',
    'root.ext',
    '-days',
    '3650',
    '-out',
    'ca.pem',
  );
  for (const [name, extensions] of Object.entries(CERTIFICATES)) {
    writeFileSync(
      join(directory, `${name}.ext`),
      `basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n${extensions}\n`,
    );
    run('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=Test TSA ${name}`);
    const when =
      name === 'expired'
        ? ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z']
        : ['-days', '365'];
    issue(name, when);
  }

  function issue(name: string, when: readonly string[]): void {
    const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.pem`];
    if (name !== 'expired') {
      run('x509', '-req', ...files, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', ...when);
      return;
    }
    // `openssl x509` of this age sets no begin; `openssl ca` does.
    writeFileSync(join(directory, 'index.txt'), '');
    writeFileSync(join(directory, 'ca.serial'), '77\n');
    mkdirSync(join(directory, 'new'));
    writeFileSync(
      join(directory, 'ca.cnf'),
      '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=ca.serial\nnew_certs_dir=new\ncertificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n',
    );
    run(
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      ...files,
      '-startdate',
      '20200101000000Z',
      '-enddate',
      '20200201000000Z',
    );
  }

  for (const name of Object.keys(CERTIFICATES)) {
    writeFileSync(join(directory, `${name}.serial`), '01\n');
    writeFileSync(
      join(directory, `${name}.cnf`),
      `[tsa]\ndefault_tsa=t\n[t]\nserial=${name}.serial\ncrypto_device=builtin\nsigner_cert=${name}.pem\ncerts=ca.pem\nsigner_key=${name}.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha512\naccuracy=secs:1\nordering=yes\ntsa_name=no\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n`,
    );
  }
  let count = 0;

  function resign(
    response: Buffer,
    section: string,
    {
      ess = true,
      type = '1.2.840.113549.1.9.16.1.4',
    }: { readonly ess?: boolean; readonly type?: string } = {},
  ): Buffer {
    writeFileSync(join(directory, 'r.tsr'), response);
    run('ts', '-reply', '-in', 'r.tsr', '-token_out', '-out', 'r.p7');
    run('cms', '-verify', '-inform', 'DER', '-in', 'r.p7', '-noverify', '-out', 'r.tst');
    const sign = [
      '-signer',
      `${section}.pem`,
      '-inkey',
      `${section}.key`,
      '-md',
      'sha256',
      ...(ess ? ['-cades'] : []),
    ];
    const form = ['-binary', '-nodetach', '-nosmimecap', '-outform', 'DER', '-econtent_type', type];
    const token = run('cms', '-sign', '-in', 'r.tst', ...sign, ...form);
    const granted = Buffer.from([0x30, 0x03, 0x02, 0x01, 0x00]);
    const head = Buffer.from([0x30, 0x82, 0, 0]);
    head.writeUInt16BE(granted.length + token.length, 2);
    return Buffer.concat([head, granted, token]);
  }

  return {
    directory,
    ca: join(directory, 'ca.pem'),
    run,
    resign,
    reply(request, section = 'good') {
      const n = count++;
      writeFileSync(join(directory, `${n}.tsq`), request);
      run('ts', '-reply', '-config', `${section}.cnf`, '-queryfile', `${n}.tsq`, '-out', `${n}.tsr`);
      return readFileSync(join(directory, `${n}.tsr`));
    },
  };
}

/** Answers each POST with what `answer` makes of its body; ends with the test. */
export async function serve(
  t: TestContext,
  answer: (body: Buffer, response: ServerResponse, request: IncomingMessage) => Uint8Array | undefined,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const bytes = answer(Buffer.concat(parts), response, request);
      if (bytes !== undefined) response.end(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
