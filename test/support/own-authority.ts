/** A certificate authority that no program trusts, and a server's certificate by it; made at run time, never stored. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { authorityCertificate, leafCertificate } from '../../src/capture/ca/certificate.ts';

const HOUR_MS = 3_600_000;

/** All PEM. */
export function ownAuthority(host: string): {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
} {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = pair();
  const server = pair();
  const span = { from: new Date(Date.now() - HOUR_MS), until: new Date(Date.now() + 24 * HOUR_MS) };
  const issuer = { name: 'Upstream test CA', key: authority.privateKey, publicKey: authority.publicKey };
  return {
    ca: authorityCertificate(issuer, span, randomBytes(16)),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: leafCertificate(issuer, host, server.publicKey, span, randomBytes(16)),
  };
}
