import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { OPENAPI_FILE, openApiText } from '../../../scripts/openapi.ts';
import { bearer, stage } from './stage.ts';

interface Schema {
  readonly [member: string]: unknown;
}

const described = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as {
  openapi: string;
  paths: Record<string, Record<string, { responses: Record<string, unknown>; requestBody?: unknown }>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, unknown> };
};

/** Follows a reference within the document. */
function at(ref: string): Schema {
  let found: unknown = described;
  for (const name of ref.replace(/^#\//, '').split('/')) found = (found as Record<string, unknown>)[name];
  assert.ok(found !== undefined, `${ref} is in the document`);
  return found as Schema;
}

/** As much of JSON Schema as the document uses; throws for a keyword that it does not know. */
const KNOWN = new Set([
  '$ref',
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'const',
  'anyOf',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'description',
  'propertyNames',
  'format',
  'id',
  'title',
]);

function check(schema: Schema, value: unknown, where: string): void {
  for (const keyword of Object.keys(schema))
    assert.ok(KNOWN.has(keyword), `${where}: ${keyword} is known to this test`);
  if (typeof schema.$ref === 'string') {
    check(at(schema.$ref), value, where);
    return;
  }
  if (Array.isArray(schema.anyOf)) {
    const wrong = (schema.anyOf as Schema[]).map((one) => {
      try {
        check(one, value, where);
        return undefined;
      } catch (error) {
        return error;
      }
    });
    assert.ok(wrong.includes(undefined), `${where}: none of anyOf: ${wrong.map(String).join('; ')}`);
  }
  if (Array.isArray(schema.enum))
    assert.ok(schema.enum.includes(value), `${where}: ${String(value)} is in enum`);
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (schema.type === 'integer') assert.ok(Number.isInteger(value), `${where} is whole`);
  else if (schema.type !== undefined) assert.equal(type, schema.type, where);
  if (typeof value === 'string') {
    if (typeof schema.pattern === 'string') assert.match(value, new RegExp(schema.pattern), where);
    if (typeof schema.maxLength === 'number') assert.ok(value.length <= schema.maxLength, where);
  }
  if (typeof value === 'number' && typeof schema.minimum === 'number')
    assert.ok(value >= schema.minimum, where);
  if (Array.isArray(value) && schema.items !== undefined)
    for (const [n, item] of value.entries()) check(schema.items as Schema, item, `${where}[${n}]`);
  if (type !== 'object') return;
  const members = value as Record<string, unknown>;
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  for (const name of (schema.required ?? []) as string[]) assert.ok(name in members, `${where} has ${name}`);
  for (const [name, member] of Object.entries(members)) {
    const own = properties[name];
    if (own !== undefined) check(own, member, `${where}.${name}`);
    else assert.notEqual(schema.additionalProperties, false, `${where}: ${name} is described`);
  }
}

function checkAnswer(path: string, method: string, status: number, body: unknown): void {
  const response = described.paths[path]?.[method]?.responses[status];
  assert.ok(response !== undefined, `${method} ${path} describes ${status}`);
  const whole =
    (response as Schema).$ref === undefined ? (response as Schema) : at(String((response as Schema).$ref));
  const { schema } = (whole.content as Record<string, { schema: Schema }>)['application/json'] ?? {};
  assert.ok(schema !== undefined);
  check(schema, body, `${method} ${path} ${status}`);
}

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
users:
  u_clerk: { roles: [member] }
  u_boss: { roles: [admin] }
facts: { amount: args.amount }
rules:
  - { id: big, when: 'facts.amount > 100.0', decision: approval_required, approvers: ["role:admin"] }
limits: { per_user: 3/10m }
`;

describe('the description of the API', () => {
  it('is the one that the code gives', () => {
    assert.equal(readFileSync(OPENAPI_FILE, 'utf8'), openApiText(), 'node scripts/openapi.ts');
    assert.equal(described.openapi, '3.1.0');
    for (const [path, operations] of Object.entries(described.paths))
      for (const [method, { responses }] of Object.entries(operations))
        for (const [status, response] of Object.entries(responses)) {
          const { $ref } = response as Schema;
          if ($ref !== undefined) at(String($ref));
          assert.ok(/^\d{3}$/.test(status), `${method} ${path}`);
        }
  });

  it('is served, and holds for what the API really answers', async (t) => {
    const { ask, token, recorder } = await stage(t, { policy: POLICY, operator: { token: 'opr_right' } });
    const clerk = bearer(await token('bot', { user_id: 'u_clerk' }));
    const boss = bearer(await token('desk', { user_id: 'u_boss', scopes: ['tally.operator'] }));
    assert.deepEqual((await ask('/v1/openapi.json')).body.paths, described.paths);
    const seen = new Set<string>();
    const see = async (path: string, real: string, body?: unknown, who: Record<string, string> = clerk) => {
      const answer = await ask(real, body, who);
      const method = body === undefined ? 'get' : 'post';
      checkAnswer(path, method, answer.status, answer.body);
      seen.add(`${method} ${path} ${answer.status}`);
      return answer.body;
    };
    const decide = (body: unknown, who?: Record<string, string>) =>
      see('/v1/decisions', '/v1/decisions', body, who);
    const allowed = await decide({ action: { name: 'refund' }, args: { amount: 1 } });
    const held = await decide({ action: { name: 'refund' }, args: { amount: 900 } });
    await decide({ action: { name: 'x', target: { host: 'evil.example', scheme: 'https' } } });
    await decide({ nonsense: 1 });
    await decide({ action: { name: 'refund' } }, bearer('agt_nonsense'));
    await decide({ action: { name: 'refund' } }, { Origin: 'https://evil.example' });
    await see('/v1/decisions/batch', '/v1/decisions/batch', {
      requests: [...Array(3).fill({ action: { name: 'refund' }, args: { amount: 1 } }), {}],
    });
    await see('/v1/outcomes', '/v1/outcomes', { decision_id: allowed.id, outcome: { status: 'ok' } });
    await see('/v1/outcomes', '/v1/outcomes', { decision_id: allowed.id, outcome: { status: 'error' } });
    await see('/v1/outcomes', '/v1/outcomes', {
      decision_id: `log_${'0'.repeat(26)}`,
      outcome: { status: 'ok' },
    });
    await see('/v1/outcomes/batch', '/v1/outcomes/batch', { requests: [{}] });
    await see('/v1/events', '/v1/events', {
      events: [
        { type: 'step.note', phase: 'point' },
        { type: 'log.open', phase: 'point' },
      ],
    });
    await see('/v1/events', '/v1/events', { events: [] });
    await see('/v1/events', '/v1/events', { events: [{}] }, bearer('agt_nonsense'));
    const one = '/v1/approvals/{id}';
    await see('/v1/approvals', '/v1/approvals?all=true', undefined, boss);
    await see(one, `/v1/approvals/${held.approval_id}`);
    await see(one, `/v1/approvals/log_${'0'.repeat(26)}`);
    await see(one, `/v1/approvals/${held.approval_id}`, { decision: 'grant' });
    await see(one, `/v1/approvals/${held.approval_id}`, { decision: 'grant' }, boss);
    await see(one, `/v1/approvals/${held.approval_id}`, { decision: 'grant' }, boss);
    await see('/v1/kill', '/v1/kill', { scope: 'writes', on: true, reason: 'x' }, boss);
    await see('/v1/kill', '/v1/kill');
    await see('/v1/logs', '/v1/logs', { resourceLogs: [] });
    await see('/v1/traces', '/v1/traces', { resourceSpans: [] });
    await see('/v1/traces', '/v1/traces', { resourceSpans: 1 });
    await recorder.close('test');
    await decide({ action: { name: 'refund' } });
    for (const path of Object.keys(described.paths))
      for (const method of Object.keys(described.paths[path] ?? {}))
        assert.ok(
          [...seen].some((one) => one.startsWith(`${method} ${path} `)),
          `${method} ${path} was asked`,
        );
    assert.ok(seen.has('post /v1/decisions 503') && seen.has('post /v1/decisions 401'));
    assert.ok(seen.has('post /v1/outcomes 409') && seen.has(`post ${one} 409`));
  });
});
