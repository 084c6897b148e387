/**
 * Where a call may go: a line of the allowlist has to name the host and port, the scheme has to be one the line
 * permits, and every resolved address has to be one that the outside world could reach too.
 */
import { best, linesFor, type Step, type Where } from '../allowed-lines.ts';
import type { AllowedHost } from '../compiled.ts';
import { CONNECT_ACTION } from '../connect.ts';
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type KnownTarget, type Layer, type LayerAnswer, type LayerContext, SKIP } from '../layer.ts';
import { environmentOf, projectOf } from '../subject.ts';
import { isEnvironmentOnly } from './credential.ts';
import { checkAddresses, mend, neverReached, noHost } from './reach.ts';
import { judgeTunnel } from './tunnel.ts';

const HTTP_CALL = 'http.call';

function lineText(line: AllowedHost): string {
  const flags = `${line.http === true ? ' http' : ''}${line.internal === true ? ' internal' : ''}`;
  return formatHostPort(line.host, line.port) + flags;
}

function refused(host: string, step: Step, to: KnownTarget, where: Where): LayerAnswer {
  const { method, path } = to.target;
  switch (step) {
    case 'scheme':
      return fail(
        'non_https_blocked',
        to.scheme === undefined
          ? `${host} may be called with https only`
          : `${host} may be called with https only; to let agents use http: ${mend(to, host)}`,
      );
    case 'place':
      return fail(
        'domain_not_in_allowlist',
        `${host} is in the allowlist for certain projects or environments, and not for ${shown(where.project ?? 'no project')}, ${shown(where.environment ?? 'no environment')}`,
      );
    case 'method':
      return fail('method_not_allowed', `${host} may not be called with ${shown(method ?? 'no method')}`);
    case 'path':
      return fail('path_not_allowed', `${host} may not be called at ${shown(path ?? 'no path')}`);
    default:
      return to.scheme === undefined
        ? fail('non_https_blocked', `${host} may be called with https only`)
        : fail(
            'domain_not_in_allowlist',
            `${host} is in the allowlist, but not with port ${to.port}; to let agents call it: ${mend(to, host)}`,
          );
  }
}

function judge({ inputs, policy, index, request }: LayerContext, to: KnownTarget | undefined): LayerAnswer {
  const host = to?.host;
  if (policy.allowlist.length === 0)
    return fail(
      'empty_allowlist',
      `the allowlist is empty, so every call is stopped${
        to === undefined || host === undefined ? '' : `; to let agents call ${host}: ${mend(to, host)}`
      }`,
    );
  if (to === undefined || host === undefined) return noHost(to);
  const never = neverReached(host);
  if (never !== undefined) return never;
  const lines = linesFor(index, host);
  if (lines.length === 0)
    return fail(
      'domain_not_in_allowlist',
      `${host} is not in the allowlist; to let agents call it: ${mend(to, host)}`,
    );
  const where = {
    project: projectOf(request, inputs.identity),
    environment: environmentOf(request, inputs.identity),
  };
  const { line, step } = best(lines, to, where);
  return line === undefined
    ? refused(host, step, to, where)
    : checkAddresses(
        host,
        { line: lineText(line), internal: line.internal === true, opens: mend(to, host, true) },
        inputs.addresses,
      );
}

export const allowlistLayer: Layer = {
  name: 'allowlist',
  evaluate(context) {
    return context.request.action.name === CONNECT_ACTION
      ? judgeTunnel(context)
      : allowlistLayer2.evaluate(context);
  },
};

/** As engine 2 had it: there were no tunnels. */
export const allowlistLayer2: Layer = {
  name: 'allowlist',
  evaluate(context) {
    const { to, request } = context;
    // What goes to no host is judged by what else is said of it: a tool by its scopes and permissions, a secret that
    // is handed to a child process by the credential layer. A call that leaves its host out is no such thing.
    const nowhere = to === undefined && (request.action.name !== HTTP_CALL || isEnvironmentOnly(request));
    return nowhere ? SKIP : judge(context, to);
  },
};

/** As engine 1 had it: whatever names no host is a stop, but a secret for a child process. */
export const allowlistLayer1: Layer = {
  name: 'allowlist',
  evaluate: (context) =>
    context.to === undefined && isEnvironmentOnly(context.request) ? SKIP : judge(context, context.to),
};
