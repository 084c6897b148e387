import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { canonicalize } from '../../../src/core/canonical.ts';
import { eventsOf, importedOf, lines, readAll, refusalsOf } from './read.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a record of agentsecrets', () => {
  const row = {
    id: 'log_1',
    timestamp: '2026-01-02T03:04:05.678Z',
    workspace_id: 'w',
    project_id: 'p',
    agent_id: 'a',
    agent_token_id: 'tok_1',
    identity_level: 'issued',
    credential_ref: 'KEY,OTHER',
    injection_style: 'bearer,header',
    target_url: 'https://user:pass@api.example.com:8443/v1?token=secret',
    method: 'POST',
    status_code: 201,
    duration_ms: 12.5,
    redacted: true,
    resolution_path: 'vault,vault',
    error: null,
  };

  it('is a call with its target, and neither the query nor the user of its URL is kept', () => {
    const [event] = eventsOf(readAll('agentsecrets', lines(row)).items);
    assert.equal(event?.type, 'http.call');
    assert.deepEqual(event?.action?.target, {
      scheme: 'https',
      host: 'api.example.com',
      port: 8443,
      path: '/v1',
      method: 'POST',
      query_hash: sha256('token=secret'),
    });
    assert.deepEqual(event?.credentials, [
      { ref: 'KEY', injection_style: 'bearer', resolution_path: 'vault' },
      { ref: 'OTHER', injection_style: 'header', resolution_path: 'vault' },
    ]);
    assert.deepEqual(event?.outcome, { status: 'ok', status_code: 201, duration_ms: 12.5, redacted: true });
    const text = JSON.stringify(event);
    assert.ok(!text.includes('token=secret') && !text.includes('pass@'));
  });

  it('says where it came from, when it happened, and what no member of an entry holds', () => {
    const text = lines(row);
    const [event] = eventsOf(readAll('agentsecrets', text, { file: '/old/place/audit.jsonl' }).items);
    assert.deepEqual(importedOf(event), {
      format: 'agentsecrets',
      file: 'audit.jsonl',
      line: 1,
      sha256: sha256(text.trim()),
      ts: row.timestamp,
      id: 'log_1',
      fields: { workspace_id: 'w', agent_token_id: 'tok_1', identity_level: 'issued' },
    });
    assert.equal(event?.quality?.action, 'asserted');
    assert.equal(event?.actor?.identity_level, undefined);
  });

  it('reads the same from CSV, with quotes, line ends and guarded cells', () => {
    const csv =
      '\uFEFFid,timestamp,method,target_domain,status_code,error\r\n' +
      '1,2026-01-02T03:04:05Z,GET,h,500,"a ""b"",\nc"\r\n' +
      '2,,GET,h,,\'=1+1\r\n3,,GET\r\n4,,GET,h,200,x"y\r\n';
    const { items } = readAll('agentsecrets', csv);
    const events = eventsOf(items);
    assert.deepEqual(
      events.map(({ outcome }) => [outcome?.status, outcome?.status_code, outcome?.error]),
      [
        ['error', 500, 'a "b",\nc'],
        ['error', undefined, '=1+1'],
      ],
    );
    assert.equal(importedOf(events[1]).line, 4, 'a row is named by the line it begins in');
    assert.deepEqual(refusalsOf(items), [
      '5: has 3 cells, the first line names 6',
      '6: not CSV: a quote is not closed, or stands inside of a cell',
    ]);
  });
});

describe('a record of secretspec', () => {
  it('is an access with the names of its secrets, and of the command its program alone', () => {
    const [event] = eventsOf(
      readAll(
        'secretspec',
        lines({
          v: 1,
          ts: '2026-06-04T17:04:00.893Z',
          action: 'run',
          keys: ['A', 'B'],
          command: '/usr/bin/app --password hunter2',
          provider: 'vault://user:hunter2@host/path',
          outcome: 'started',
          actor: { user: 'alice', agent: 'claude-code', is_agent: true },
          caller: { name: 'sdk' },
        }),
      ).items,
    );
    assert.deepEqual(event?.secret, {
      operation: 'run',
      keys: ['A', 'B'],
      command: '/usr/bin/app',
      provider: 'vault://host/path',
      found: 'started',
    });
    assert.deepEqual(event?.actor, { user: { id: 'alice' }, agent_id: 'claude-code', is_agent: true });
    assert.deepEqual(event?.metadata?.caller, { name: 'sdk' });
    assert.ok(!JSON.stringify(event).includes('hunter2'));
  });

  it('of an action that entries have no word for keeps it as it is said, without credentials', () => {
    const record = { action: 'cache_refresh', key: 'A', outcome: 'written', provider: 'x://u:hunter2@h' };
    const [event] = eventsOf(readAll('secretspec', lines(record)).items);
    assert.equal(event?.action?.name, 'secret.cache_refresh');
    assert.deepEqual(importedOf(event).fields, {
      action: 'cache_refresh',
      key: 'A',
      outcome: 'written',
      provider: 'x://h',
    });
  });
});

describe('records of agentpatterns', () => {
  const base = { run_id: 'r', step_id: 's', action: 'refund', action_key: 'k', actor: 'bot', scope: 'user' };

  it('are the two halves of an action, and a half by itself stands alone', () => {
    const { items, unpaired } = readAll(
      'agentpatterns',
      lines(
        { ...base, phase: 'pre_exec', decision: 'allow', reason: 'in_budget', layer: 'budget' },
        {
          ...base,
          phase: 'post_exec',
          decision: 'allow',
          reason: 'in_budget',
          layer: 'budget',
          result: 'ok',
        },
        { ...base, phase: 'post_exec', decision: 'deny', result: 'blocked' },
      ),
    );
    const [pre, post, alone] = eventsOf(items);
    assert.deepEqual(
      [pre?.type, pre?.phase, post?.type, post?.phase],
      ['tool.call', 'pre_exec', 'tool.result', 'post_exec'],
    );
    assert.equal(post?.parent_id, pre?.id);
    assert.deepEqual(pre?.decision, { outcome: 'allow', reason: 'in_budget', layer: 'budget', layers: [] });
    assert.deepEqual(post?.outcome, { status: 'ok' });
    assert.deepEqual(
      [alone?.phase, alone?.decision?.outcome, alone?.outcome?.status],
      ['point', 'stop', 'blocked'],
    );
    assert.equal(unpaired, 1);
  });
});

describe('events of agentlogsafe', () => {
  it('pair by the event they name, with provider and model, and risk as it is', () => {
    const base = { schema_version: '1.0', run_id: 'r', agent_name: 'bot' };
    const { items } = readAll(
      'agentlogsafe',
      lines(
        {
          ...base,
          event_id: 'e1',
          event_type: 'tool_call',
          tool_name: 'search',
          payload: { q: 1 },
          risk: { level: 'low' },
        },
        {
          ...base,
          event_id: 'e2',
          event_type: 'tool_result',
          tool_name: 'search',
          parent_event_id: 'e1',
          status: 'success',
        },
        {
          ...base,
          event_id: 'e3',
          event_type: 'model_response',
          provider: 'x',
          model: 'y',
          parent_event_id: 'none',
        },
        { ...base, event_id: 'e4', event_type: 'run_end', status: 'failed' },
        { ...base, schema_version: '2.0', event_type: 'custom' },
        { ...base, event_type: 'dance' },
      ),
    );
    const [call, result, response, end] = eventsOf(items);
    assert.equal(result?.parent_id, call?.id);
    assert.deepEqual([call?.phase, result?.phase, response?.phase], ['pre_exec', 'post_exec', 'point']);
    assert.deepEqual(call?.payload, { media_type: 'application/json', class: 'arguments', data: '{"q":1}' });
    assert.deepEqual(call?.risk, { level: 'low' });
    assert.deepEqual([response?.metadata?.provider, response?.metadata?.model], ['x', 'y']);
    assert.deepEqual([end?.type, end?.outcome?.status], ['run.end', 'error']);
    assert.deepEqual(refusalsOf(items), [
      '5: schema_version: not "1.0"',
      '6: event_type: none of the format',
    ]);
  });
});

describe('the chain of fullmakt', () => {
  function chained(formula: (content: object, prev: string) => string, rows = 4) {
    let prev = '0'.repeat(64);
    return Array.from({ length: rows }, (_, i) => {
      const content = {
        principal: 'a',
        method: 'GET',
        host: 'h',
        timestamp: `2026-01-01T00:00:0${i}Z`,
        status: 200,
      };
      const chainHash = sha256(formula(content, prev));
      const row = { ...content, prevHash: prev, chainHash };
      prev = chainHash;
      return row;
    });
  }
  const ours = (content: object, prev: string): string =>
    canonicalize({ ...content, prevHash: prev } as never);

  it('is checked, and a file that agrees with itself is not called more than that', () => {
    for (const formula of [
      ours,
      (c: object, p: string) => p + JSON.stringify(c),
      (c: object, p: string) => JSON.stringify(c) + p,
    ]) {
      const { verdict } = readAll('fullmakt', lines(...chained(formula)));
      assert.equal(verdict?.status, 'intact');
      assert.match(verdict?.note ?? '', /whoever wrote the file could have made all of them/);
    }
  });

  it('names the lines at which it does not hold', () => {
    const rows = chained(ours, 6);
    const edited = rows.map((row, i) => (i === 2 ? { ...row, status: 500 } : row));
    const { verdict } = readAll('fullmakt', lines(...edited));
    assert.deepEqual([verdict?.status, verdict?.broken, verdict?.broken_count], ['broken', [3], 1]);
    const dropped = readAll('fullmakt', lines(...rows.filter((_, i) => i !== 3))).verdict;
    assert.deepEqual([dropped?.status, dropped?.broken], ['broken', [4]]);
  });

  it('is unverified when nobody knows how it was made, or when its beginning is not there', () => {
    const strange = readAll('fullmakt', lines(...chained((c, p) => `${p}|${Object.keys(c)}`))).verdict;
    assert.deepEqual([strange?.status, strange?.formula], ['unverified', undefined]);
    assert.match(strange?.note ?? '', /unverified by their old chain/);
    assert.equal(readAll('fullmakt', lines(...chained(ours).slice(1))).verdict?.status, 'unverified');
    assert.equal(readAll('fullmakt', lines({ principal: 'a', method: 'GET' })).verdict?.status, 'unverified');
  });
});

describe('a transcript of Claude Code', () => {
  const session = {
    sessionId: 's1',
    cwd: '/w',
    version: '2.1.38',
    gitBranch: 'main',
    timestamp: '2026-02-10T22:57:54.684Z',
  };
  const usage = { input_tokens: 3, output_tokens: 11, cache_read_input_tokens: 5 };
  const said = (id: string, uuid: string, block: object, more = usage) => ({
    ...session,
    type: 'assistant',
    uuid,
    requestId: 'req',
    message: { id, model: 'claude', role: 'assistant', content: [block], usage: more },
  });

  it('counts the tokens of a message once, however many lines tell it', () => {
    const { items } = readAll(
      'claude-code',
      lines(
        said('m1', 'u1', { type: 'thinking', thinking: 'hm' }),
        said('m1', 'u2', { type: 'tool_use', id: 't', name: 'Bash', input: {} }),
        said('m1', 'u3', { type: 'text', text: 'done' }, { ...usage, output_tokens: 20 }),
      ),
    );
    const counts = eventsOf(items).map(({ outcome }) => outcome?.usage ?? {});
    const sum = (name: string): number =>
      counts.reduce((all, one) => all + Number((one as Record<string, unknown>)[name] ?? 0), 0);
    assert.deepEqual([sum('input_tokens'), sum('output_tokens'), sum('cache_read_input_tokens')], [3, 20, 5]);
  });

  it('pairs calls of tools with their results, tells MCP servers, and keeps text for the payload policy', () => {
    const { items } = readAll(
      'claude-code',
      lines(
        { ...session, type: 'user', uuid: 'u0', message: { role: 'user', content: 'do it' } },
        said('m1', 'u1', { type: 'tool_use', id: 't', name: 'mcp__gh__search', input: { q: 'x' } }),
        {
          ...session,
          type: 'user',
          uuid: 'u2',
          message: {
            content: [
              {
                type: 'tool_result',
                tool_use_id: 't',
                is_error: true,
                content: [{ type: 'text', text: 'no' }, { type: 'image' }],
              },
            ],
          },
          toolUseResult: { durationMs: 30 },
        },
      ),
    );
    const [asked, , call, result] = eventsOf(items);
    assert.deepEqual([asked?.type, asked?.payload?.data], ['user.message', 'do it']);
    assert.deepEqual(call?.action?.tool, { name: 'mcp.gh.search', server: 'gh', called: 'mcp__gh__search' });
    assert.deepEqual(call?.action?.args, { q: 'x' });
    assert.deepEqual(
      [result?.type, result?.parent_id, result?.step_id],
      ['tool.result', call?.id, call?.step_id],
    );
    assert.deepEqual(result?.outcome, { status: 'error', duration_ms: 30 });
    assert.equal((importedOf(result).fields as { other_blocks: number }).other_blocks, 1);
    assert.deepEqual([call?.run_id, call?.session_id, call?.actor?.agent_version], ['s1', 's1', '2.1.38']);
  });

  it('passes kinds of lines that are not known, and takes injected text for an instruction', () => {
    const { items } = readAll(
      'claude-code',
      lines(
        { type: 'file-history-snapshot', snapshot: {} },
        { type: 'something-of-next-year', data: [1] },
        { ...session, type: 'user', uuid: 'u', isMeta: true, message: { content: 'caveat' } },
        { type: 'summary', summary: 'what it was about', leafUuid: 'x' },
        { ...session, type: 'system', subtype: 'api_error', level: 'error', uuid: 'v' },
        { no: 'type' },
      ),
    );
    assert.deepEqual(
      items.map((item) =>
        'passed' in item ? item.passed : 'events' in item ? item.events[0]?.type : item.refused,
      ),
      [
        'file-history-snapshot',
        'something-of-next-year',
        'system.instruction',
        'step.note',
        'error',
        'type: missing',
      ],
    );
  });
});
