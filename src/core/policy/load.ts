/** From the text of a policy file to the policy in force. */
import { type AlertsFile, compileAlerts } from '../alert/file.ts';
import type { AlertPolicy } from '../alert/rule.ts';
import { sha256Hex } from '../hash.ts';
import type { AllowedHost, CompiledPolicy, CredentialRule, PolicyInForce } from './compiled.ts';
import { type Problem, parsePolicyDocument } from './document.ts';
import { formatHostPort, type HostProblem, parseHostPort } from './hosts.ts';
import { issueProblems, pathText, policyInvalid } from './problems.ts';
import { type PolicyFile, PolicyFileSchema } from './schema.ts';
import { policyInForce } from './snapshot.ts';
import { didYouMean } from './suggest.ts';

type Complain = (path: readonly PropertyKey[], problem: HostProblem) => void;

function compileLine(
  line: NonNullable<PolicyFile['allowlist']>[number],
  path: readonly PropertyKey[],
  complain: Complain,
): AllowedHost | undefined {
  const text = typeof line === 'string' ? line : line.host;
  const parsed = parseHostPort(text);
  if ('problem' in parsed) {
    complain(path, parsed);
    return undefined;
  }
  if (typeof line === 'string') return parsed;
  if (parsed.port !== undefined && line.port !== undefined && parsed.port !== line.port) {
    complain(path, { problem: `${pathText(path)} names two ports`, hint: 'name the port once' });
    return undefined;
  }
  const port = parsed.port ?? line.port;
  return {
    host: parsed.host,
    ...(port === undefined ? {} : { port }),
    ...(line.http === true ? { http: true } : {}),
    ...(line.internal === true ? { internal: true } : {}),
  };
}

function compileAllowlist(lines: PolicyFile['allowlist'], complain: Complain): readonly AllowedHost[] {
  const seen = new Map<string, number>();
  const out: AllowedHost[] = [];
  for (const [i, line] of (lines ?? []).entries()) {
    const compiled = compileLine(line, ['allowlist', i], complain);
    if (compiled === undefined) continue;
    const key = formatHostPort(compiled.host, compiled.port);
    const earlier = seen.get(key);
    if (earlier !== undefined)
      complain(['allowlist', i], {
        problem: `${key} is listed twice (allowlist[${earlier}] and allowlist[${i}])`,
        hint: 'keep one of the two lines',
      });
    else seen.set(key, i);
    out.push(compiled);
  }
  return out;
}

type FileCredential = NonNullable<PolicyFile['credentials']>[string];

function compileCredential(ref: string, file: FileCredential, complain: Complain): CredentialRule {
  const hosts = file.hosts?.flatMap((text, i) => {
    const parsed = parseHostPort(text);
    if (!('problem' in parsed)) return [formatHostPort(parsed.host, parsed.port)];
    complain(['credentials', ref, 'hosts', i], parsed);
    return [];
  });
  const methods = new Map<string, 'allow' | 'stop'>();
  for (const [method, verdict] of Object.entries(file.methods ?? {})) {
    const upper = method.toUpperCase();
    if (methods.has(upper))
      complain(['credentials', ref, 'methods', method], { problem: `the method ${upper} is named twice` });
    methods.set(upper, verdict);
  }
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(file.agents === undefined ? {} : { agents: file.agents }),
    ...(file.styles === undefined ? {} : { styles: file.styles }),
    ...(file.methods === undefined ? {} : { methods: Object.fromEntries(methods) }),
    ...(file.requires === undefined ? {} : { requires: file.requires }),
  };
}

function compileAlertsPart(file: AlertsFile, complain: Complain): AlertPolicy {
  return compileAlerts(file, ({ path, problem, hint, meant }) => {
    const guess = meant === undefined ? undefined : didYouMean(meant.name, meant.known);
    const told = guess === undefined ? hint : `did you mean ${JSON.stringify(guess)}?`;
    const fallback = meant === undefined ? undefined : `there are: ${meant.known.join(', ')}`;
    const shown = told ?? fallback;
    complain(['alerts', ...path], shown === undefined ? { problem } : { problem, hint: shown });
  });
}

function compileFile(
  file: PolicyFile,
  meta: { id: string; text: string },
  complain: Complain,
): CompiledPolicy {
  return {
    format: 1,
    id: meta.id,
    version: file.version,
    source_hash: sha256Hex(meta.text),
    mode: file.mode ?? 'enforce',
    identity: {
      anonymous: file.identity?.anonymous ?? 'allow',
      declared: file.identity?.declared ?? 'allow',
    },
    allowlist: compileAllowlist(file.allowlist, complain),
    credentials: Object.fromEntries(
      Object.entries(file.credentials ?? {}).map(([ref, c]) => [ref, compileCredential(ref, c, complain)]),
    ),
    agents: Object.fromEntries(
      Object.entries(file.agents ?? {}).map(([agentId, agent]) => [
        agentId,
        agent.requires === undefined ? {} : { requires: agent.requires },
      ]),
    ),
    ...(file.alerts === undefined || file.alerts === null
      ? {}
      : { alerts: compileAlertsPart(file.alerts, complain) }),
  };
}

/**
 * Compiles the text of a policy file. The same text and id give the same snapshot and hash.
 * Throws TallyError POLICY_INVALID with the place (details.line, details.column) of the first problem and the text of
 * all; nothing that the file says is ever ignored.
 */
export function compilePolicy(text: string, options: { readonly id: string }): PolicyInForce {
  const doc = parsePolicyDocument(text);
  if ('problems' in doc) throw policyInvalid(doc.problems);
  const parsed = PolicyFileSchema.safeParse(doc.value);
  const problems: Problem[] = parsed.success ? [] : [...issueProblems(parsed.error.issues, doc)];
  if (!parsed.success) throw policyInvalid(problems);
  const compiled = compileFile(parsed.data, { id: options.id, text }, (path, { problem, hint }) => {
    problems.push({ ...doc.locate(path), message: problem, ...(hint === undefined ? {} : { hint }) });
  });
  if (problems.length > 0) throw policyInvalid(problems);
  return policyInForce(compiled);
}

/**
 * What stands in force when the file cannot be read or does not compile: every decision is a stop with
 * `policy_unreadable`. `why` is recorded in the snapshot.
 */
export function unreadablePolicy(
  why: string,
  options: { readonly id: string } = { id: 'unreadable' },
): PolicyInForce {
  return policyInForce({
    format: 1,
    id: options.id,
    version: 'unreadable',
    source_hash: sha256Hex(''),
    mode: 'enforce',
    identity: { anonymous: 'stop', declared: 'stop' },
    allowlist: [],
    credentials: {},
    agents: {},
    unreadable: why,
  });
}

/** What `tally init` writes: comments for a person, and nothing allowed. */
export function defaultPolicyText(version = '1'): string {
  return `# What agents may do. Deny by default: only what stands here is allowed.
# Check it with: tally policy check        Reference: docs/policy.md

# Recorded with its hash on every decision; \`tally policy allow\` counts it up.
version: ${JSON.stringify(version)}

# enforce, or observe (record what would have been decided; needs allow_observe in the machine's configuration).
mode: enforce

# Callers without a checked token: those that name nobody, and those that only claim a name.
identity:
  anonymous: allow
  declared: allow

# Hosts that may be called. An empty list stops every call. Add one with: tally policy allow HOST[:PORT]
#   - api.stripe.com
#   - { host: localhost, port: 9000, http: true, internal: true }
allowlist: []

# Where a credential may go. Without a line here it may go to every host of the allowlist.
#   STRIPE_KEY: { hosts: [api.stripe.com], agents: [billing-tool], styles: [bearer], methods: { GET: allow, POST: allow } }
credentials: {}

# Agents whose name nobody may merely claim.
#   billing-tool: { requires: issued }
agents: {}
`;
}
