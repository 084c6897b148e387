/**
 * Whether a certificate may sign time stamps and leads to one that is trusted, at the time that it signed (RFC 3161
 * appendix B, RFC 5280 section 6). Signatures, names and key usages are checked by node:crypto; revocation is not: that
 * would need the network.
 */
import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { BasicConstraints, Certificate, ExtendedKeyUsage, type Extension } from '@peculiar/asn1-x509';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';

/** Certificates that somebody chose to believe; not empty. */
export type Trust = readonly X509Certificate[];

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** One or several certificates in PEM. Throws BAD_CONFIG. */
export function readTrust(pem: string, path: string): Trust {
  try {
    const found = [...pem.matchAll(PEM)].map(([text]) => new X509Certificate(text));
    if (found.length > 0) return found;
  } catch (error) {
    throw unusable(path, error);
  }
  throw unusable(path);
}

function unusable(path: string, cause?: unknown): TallyError {
  return new TallyError('BAD_CONFIG', `${path} holds no certificates in PEM`, {
    hint: 'take the root certificate that the time stamping authority publishes; `openssl x509 -inform DER` turns DER into PEM',
    ...(cause === undefined ? {} : { cause }),
  });
}

const EXTENDED_KEY_USAGE = '2.5.29.37';
const BASIC_CONSTRAINTS = '2.5.29.19';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
/** Those that this file or node:crypto judges, and one that only describes: the policies. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  BASIC_CONSTRAINTS,
  EXTENDED_KEY_USAGE,
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.32',
]);

/** Undefined when all is well. `others`: what the token brought; nothing in it is believed. */
export function chainProblem({
  certificate,
  others,
  at,
  trust,
}: {
  readonly certificate: X509Certificate;
  readonly others: readonly X509Certificate[];
  readonly at: Date;
  readonly trust: Trust | undefined;
}): string | undefined {
  const extensions = extensionsOf(certificate);
  const usage = extensions.find(({ extnID }) => extnID === EXTENDED_KEY_USAGE);
  const uses = usage === undefined ? [] : [...AsnConvert.parse(usage.extnValue.buffer, ExtendedKeyUsage)];
  // RFC 3161 section 2.3: critical, and nothing else. A key that also serves a web site is in too many hands.
  if (usage?.critical !== true || uses.length !== 1 || uses[0] !== TIME_STAMPING)
    return 'its certificate is not one for time stamps only';
  const own = problemOf(certificate, at);
  if (own !== undefined) return `its certificate ${own}`;
  if (trust === undefined) return undefined;
  const problems: string[] = [];
  if (leadsTo(certificate, { others, at, trust, problems, steps: { left: LIMITS.timeStampSteps } }, 0))
    return undefined;
  return problems[0] ?? 'its certificate does not lead to the configured one';
}

interface Search {
  readonly others: readonly X509Certificate[];
  readonly at: Date;
  readonly trust: Trust;
  readonly problems: string[];
  readonly steps: { left: number };
}

/** `below`: certificate authorities between the one that signed and this one, this one included when it is one. */
function leadsTo(certificate: X509Certificate, search: Search, below: number): boolean {
  if (search.trust.some((one) => one.raw.equals(certificate.raw))) return true;
  if (below >= LIMITS.timeStampChain) return false;
  for (const issuer of [...search.trust, ...search.others]) {
    if (search.steps.left-- <= 0) return false;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) continue;
    const problem = issuerProblem(issuer, search.at, below);
    if (problem !== undefined) search.problems.push(`the certificate of its issuer ${problem}`);
    else if (leadsTo(issuer, search, below + 1)) return true;
  }
  return false;
}

function issuerProblem(issuer: X509Certificate, at: Date, below: number): string | undefined {
  if (!issuer.ca) return 'is not one of an authority';
  const constraints = extensionsOf(issuer).find(({ extnID }) => extnID === BASIC_CONSTRAINTS);
  const longest =
    constraints === undefined
      ? undefined
      : AsnConvert.parse(constraints.extnValue.buffer, BasicConstraints).pathLenConstraint;
  if (longest !== undefined && below > longest) return 'allows fewer authorities below it';
  return problemOf(issuer, at);
}

function problemOf(certificate: X509Certificate, at: Date): string | undefined {
  if (at < certificate.validFromDate) return 'was not yet valid at the time that it gives';
  if (at > certificate.validToDate) return 'was no longer valid at the time that it gives';
  const strange = extensionsOf(certificate).find(
    ({ critical, extnID }) => critical && !UNDERSTOOD.has(extnID),
  );
  return strange === undefined
    ? undefined
    : `has a critical extension that is not understood (${strange.extnID})`;
}

function extensionsOf(certificate: X509Certificate): readonly Extension[] {
  return AsnConvert.parse(certificate.raw, Certificate).tbsCertificate.extensions ?? [];
}
