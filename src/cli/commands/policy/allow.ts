import { resolve } from 'node:path';
import { readRootsFrom } from '../../../capture/proxy/private-roots.ts';
import { TallyError } from '../../../core/error.ts';
import {
  addressRefusal,
  isMetadataAddress,
  isMetadataHost,
  parseAddress,
} from '../../../core/policy/address.ts';
import { allowHost } from '../../../core/policy/edit.ts';
import { parseHostPattern } from '../../../core/policy/host-pattern.ts';
import { formatHostPort } from '../../../core/policy/hosts.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { setUp } from '../../setup.ts';
import { readPolicyText, whilePolicyLocked } from './file.ts';

export interface AllowOptions {
  readonly http?: boolean;
  readonly internal?: boolean;
  readonly ca?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

/** The broker refuses these whatever the policy says: to confirm one would be a promise that is not kept. */
function refuseMetadata(host: string, address: string): void {
  if (!isMetadataHost(host) && !(parseAddress(address) !== undefined && isMetadataAddress(address))) return;
  throw new TallyError('USAGE', `${host} is the metadata service of a cloud, which no policy can allow`, {
    hint: 'it hands out the credentials of the machine; store the credential that is needed: tally secrets set NAME',
  });
}

function warnInternal({ warn }: Context, address: string, internal: boolean): void {
  if (parseAddress(address) === undefined) return;
  const kind = addressRefusal(address, internal);
  if (kind === undefined) return;
  const mend = addressRefusal(address, true) === undefined ? '; calls to it need --internal as well' : '';
  warn(`calls to ${address} will still be stopped: it is a ${kind} address${mend}`);
}

/** Absolute: the policy lies in another folder. Throws USAGE for a file that no call could use. */
function certificatesOf(file: string, host: string): string {
  const path = resolve(file);
  const found = readRootsFrom('/')([path], host);
  if ('failure' in found)
    throw new TallyError('USAGE', found.failure.text, {
      hint: 'name a PEM file with the certificate of the authority that signs for the host',
    });
  return path;
}

/** Idempotent: a host that is allowed already changes nothing and is no error. */
export async function allow(context: Context, text: string, options: AllowOptions): Promise<void> {
  const host = parseHostPattern(text);
  if ('problem' in host) {
    throw new TallyError('USAGE', host.problem, host.hint === undefined ? {} : { hint: host.hint });
  }
  const grant = {
    ...host,
    ...(options.http === true ? { http: true } : {}),
    ...(options.internal === true ? { internal: true } : {}),
    ...(options.ca === undefined ? {} : { ca: certificatesOf(options.ca, host.host) }),
  };
  const address = host.host.replace(/^\[|\]$/g, '');
  refuseMetadata(host.host, address);
  setUp(context.paths);
  const today = new Date(context.now()).toISOString().slice(0, 10);
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const done = await asOperator(context, (ask) =>
    whilePolicyLocked(context, async () => {
      const edited = allowHost(await readPolicyText(context, context.paths.policyFile), grant, today);
      // Asked also when the file allows it already: the recorder may still decide by an older one.
      const answer = await ask('policy.set', { text: edited.text, ...reason });
      return { ...answer, edited: edited.changed };
    }),
  );
  warnInternal(context, address, options.internal === true);
  const flags = [
    options.http === true ? 'http' : '',
    options.internal === true ? 'internal' : '',
    grant.ca === undefined ? '' : `signed for by ${safe(grant.ca)}`,
  ].filter(Boolean);
  const named = formatHostPort(host.host, host.port);
  if (options.json === true) {
    const { version, hash } = done;
    const changed = done.changed || done.edited;
    await context.stdout.line(toJson({ allowed: { ...grant }, changed, policy: { version, hash } }));
    return;
  }
  const what = flags.length === 0 ? named : `${named} (${flags.join(', ')})`;
  await context.stdout.say(
    done.edited
      ? `allowed ${what}; the policy is now version ${done.version}, in force with the next call`
      : `${what} was allowed already; the policy stays version ${done.version}`,
  );
}
