import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Raise } from '../../../src/core/alert/action.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';
import {
  call,
  DAY,
  HOUR,
  listed,
  MINUTE,
  ruleOf,
  SECOND,
  START,
  STOPPED,
  type Story,
  story,
  told,
} from './story.ts';

/** What is told after each step, and in the end, when all has been quiet for a year. */
interface Case {
  readonly rule: string;
  readonly tell: (s: Story) => void;
  readonly expected: readonly string[];
}

const times = (n: number, each: (i: number) => void): void => {
  for (let i = 0; i < n; i++) each(i);
};
const WITH_KEY = { credentials: [{ ref: 'STRIPE_KEY' }] };

const CASES: Readonly<Record<string, Case>> = {
  'tool_drift: a first list is learnt, the same again is silent, and servers are apart': {
    rule: '{ name: changed, kind: tool_drift }',
    tell: (s) => {
      s.add(0, listed('a', { read: 'aa', write: 'bb' }, 1, 2));
      s.add(1, listed('a', { delete: 'cc' }, 2, 2));
      s.add(2, listed('b', { read: 'zz' }));
      s.add(3, listed('a', { read: 'aa', write: 'bb' }));
    },
    expected: [],
  },
  'tool_drift: another description and a new tool are told, once each': {
    rule: '{ name: changed, kind: tool_drift }',
    tell: (s) => {
      s.add(0, listed('a', { read: 'aa' }));
      s.add(1, listed('a', { read: 'ab', write: 'bb' }));
      s.add(2, listed('a', { read: 'ab', write: 'bb' }));
    },
    expected: [
      'raise changed mcp.a.read',
      'raise changed mcp.a.write',
      'close changed mcp.a.read quiet',
      'close changed mcp.a.write quiet',
    ],
  },
  'rate: as many calls as the rule counts, once however many follow': {
    rule: '{ name: fast, kind: rate, by: agent, count: 5, window: 1m }',
    tell: (s) => times(50, (i) => s.add(i * SECOND, call('bot', 'a.example'))),
    expected: ['raise fast bot', 'close fast bot quiet'],
  },
  'rate: one call fewer is silent': {
    rule: '{ name: fast, kind: rate, by: agent, count: 5, window: 1m }',
    tell: (s) => times(4, (i) => s.add(i * SECOND, call('bot', 'a.example'))),
    expected: [],
  },
  'rate: the same number spread over a longer time is silent': {
    rule: '{ name: fast, kind: rate, by: agent, count: 5, window: 1m }',
    tell: (s) => times(50, (i) => s.add(i * 20 * SECOND, call('bot', 'a.example'))),
    expected: [],
  },
  'rate: agents are counted apart, ends of calls are not counted': {
    rule: '{ name: fast, kind: rate, by: agent, count: 5, window: 1m }',
    tell: (s) =>
      times(12, (i) => s.add(i, call(`bot${i % 3}`, 'a.example', i % 2 === 0 ? {} : { phase: 'post_exec' }))),
    expected: [],
  },
  'rate: by host, credential, tool and user': {
    rule: '{ name: fast, kind: rate, by: credential, count: 3, window: 1m }',
    tell: (s) => times(3, (i) => s.add(i, call(`bot${i}`, `h${i}.example`, WITH_KEY))),
    expected: ['raise fast STRIPE_KEY', 'close fast STRIPE_KEY quiet'],
  },
  'rate: after the quiet period it is told again': {
    rule: '{ name: fast, kind: rate, by: host, count: 3, window: 1m, quiet: 10m }',
    tell: (s) => {
      times(3, (i) => s.add(i, call('bot', 'a.example')));
      times(3, (i) => s.add(HOUR + i, call('bot', 'a.example')));
    },
    expected: [
      'raise fast a.example',
      'close fast a.example quiet',
      'raise fast a.example',
      'close fast a.example quiet',
    ],
  },
  'sensitive: an endpoint by its pattern, whatever the case of its host': {
    rule: '{ name: refunds, kind: sensitive, endpoints: ["API.stripe.com/v1/refunds*"], methods: [post] }',
    tell: (s) => {
      s.add(0, call('bot', 'api.stripe.com', { path: '/v1/charges', method: 'POST' }));
      s.add(1, call('bot', 'api.stripe.com', { path: '/v1/refunds', method: 'GET' }));
      s.add(2, call('bot', 'evil.example', { path: '/api.stripe.com/v1/refunds', method: 'POST' }));
      s.add(3, call('bot', 'Api.Stripe.com', { path: '/v1/refunds/re_1', method: 'POST' }));
    },
    expected: [
      'raise refunds POST api.stripe.com/v1/refunds/re_1',
      'close refunds POST api.stripe.com/v1/refunds/re_1 quiet',
    ],
  },
  'sensitive: a tool, and a credential': {
    rule: '{ name: s, kind: sensitive, tools: ["refund.*"], credentials: ["PROD_*"] }',
    tell: (s) => {
      s.add(0, {
        type: 'tool.call',
        actor: { agent_id: 'bot' },
        action: { name: 't', tool: { name: 'refund.create' } },
      });
      s.add(1, {
        type: 'tool.call',
        actor: { agent_id: 'bot' },
        action: { name: 't', tool: { name: 'search' } },
      });
      s.add(2, call('bot', 'a.example', { credentials: [{ ref: 'PROD_DB' }] }));
    },
    expected: [
      'raise s the tool refund.create',
      'raise s the credential PROD_DB',
      'close s the tool refund.create quiet',
      'close s the credential PROD_DB quiet',
    ],
  },
  'sensitive: a host without a path is all of it': {
    rule: '{ name: pay, kind: sensitive, endpoints: [api.stripe.com, "*.bank.example"], dedupe: [host] }',
    tell(s) {
      s.add(0, call('bot', 'api.stripe.com', { path: '/v1/refunds' }));
      s.add(SECOND, call('bot', 'eu.bank.example', { path: '/pay' }));
      s.add(2 * SECOND, call('bot', 'other.example', { path: '/api.stripe.com' }));
    },
    expected: [
      'raise pay GET api.stripe.com/v1/refunds',
      'raise pay GET eu.bank.example/pay',
      'close pay GET api.stripe.com/v1/refunds quiet',
      'close pay GET eu.bank.example/pay quiet',
    ],
  },
  'sensitive: one credential does not hide another': {
    rule: '{ name: prod, kind: sensitive, credentials: ["PROD_*"] }',
    tell(s) {
      for (const key of ['PROD_A', 'PROD_B', 'PROD_A'])
        s.add(0, {
          type: 'secret.access',
          phase: 'point',
          actor: { agent_id: 'bot' },
          secret: { operation: 'get', key },
        });
    },
    expected: [
      'raise prod the credential PROD_A',
      'raise prod the credential PROD_B',
      'close prod the credential PROD_B quiet',
      'close prod the credential PROD_A quiet',
    ],
  },
  'rate: what was imported happened elsewhere': {
    rule: '{ name: fast, kind: rate, by: agent, count: 5, window: 1m }',
    tell: (s) =>
      times(50, (i) =>
        s.add(i, { ...call('bot', 'a.example'), metadata: { imported: { format: 'x', line: i } } }),
      ),
    expected: [],
  },
  'missing_post: what was imported is not waited for': {
    rule: '{ name: open, kind: missing_post, after: 5m }',
    tell(s) {
      s.add(0, { ...call('bot', 'a.example'), metadata: { imported: { format: 'x', line: 1 } } });
      s.add(HOUR, { phase: 'point', type: 'custom' });
    },
    expected: [],
  },
  'policy_failures: the first few are silent, then one alert for the agent': {
    rule: '{ name: stops, kind: policy_failures, count: 3, window: 10m }',
    tell: (s) => times(3, (i) => s.add(i, call('bot', 'a.example', STOPPED))),
    expected: ['raise stops bot', 'close stops bot quiet'],
  },
  'policy_failures: the end of a stopped call is not a second stop, and calls that are let go are none': {
    rule: '{ name: stops, kind: policy_failures, count: 3, window: 10m }',
    tell: (s) => {
      times(2, (i) => s.add(i, call('bot', 'a.example', STOPPED)));
      times(2, (i) => s.add(i, call('bot', 'a.example', { ...STOPPED, phase: 'post_exec' })));
      times(9, (i) => s.add(i, call('bot', 'a.example', { decision: { outcome: 'allow', layers: [] } })));
    },
    expected: [],
  },
  'policy_failures: that it becomes more is an alert of its own': {
    rule: '{ name: stops, kind: policy_failures, count: 3, window: 10m, rising: 3, quiet: 1h }',
    tell: (s) => {
      times(4, (i) => s.add(i * MINUTE, call('bot', 'a.example', STOPPED)));
      times(12, (i) => s.add(12 * MINUTE + i * SECOND, call('bot', 'a.example', STOPPED)));
    },
    expected: ['raise stops bot', 'raise stops bot', 'close stops bot quiet', 'close stops bot quiet'],
  },
  'anonymous: a call by nobody, one alert a host': {
    rule: '{ name: nobody, kind: anonymous }',
    tell: (s) => {
      times(3, (i) => s.add(i, call(undefined, 'a.example')));
      s.add(9, call('bot', 'b.example'));
      s.add(10, { type: 'token.issue', phase: 'point', actor: { identity_level: 'anonymous' } });
    },
    expected: ['raise nobody a.example', 'close nobody a.example quiet'],
  },
  'first_seen: nothing while it learns, then each new host of the agent once': {
    rule: '{ name: new-host, kind: first_seen, of: host, learn: 1d, quiet: 1h }',
    tell: (s) => {
      times(5, (i) => s.add(i * HOUR, call('bot', `h${i}.example`)));
      times(5, (i) => s.add(DAY + i * HOUR, call('bot', `h${i}.example`)));
      s.add(2 * DAY, call('bot', 'evil.example'));
      s.add(3 * DAY, call('bot', 'evil.example'));
      s.add(3 * DAY + 1, call('other', 'evil.example'));
    },
    expected: ['raise new-host evil.example', 'close new-host evil.example quiet'],
  },
  'first_seen: a credential that is read counts, one that is set does not': {
    rule: '{ name: new-key, kind: first_seen, of: credential, learn: 1s }',
    tell: (s) => {
      const secret = (operation: string, key: string) => ({
        type: 'secret.access',
        phase: 'point',
        actor: { agent_id: 'bot' },
        secret: { operation, key },
      });
      s.add(0, secret('get', 'A'));
      s.add(HOUR, secret('set', 'B'));
      s.add(2 * HOUR, secret('get', 'C'));
    },
    expected: ['raise new-key C', 'close new-key C quiet'],
  },
  'missing_run_end: at its time, and over when the end comes after all': {
    rule: '{ name: run, kind: missing_run_end, after: 1h, quiet: 1d }',
    tell: (s) => {
      const run = (type: string, run_id: string) => ({
        type,
        phase: 'point',
        run_id,
        actor: { agent_id: 'bot' },
      });
      s.add(0, run('run.start', 'r1'));
      s.add(1, run('run.start', 'r2'));
      s.add(2, run('run.end', 'r1'));
      s.add(2 * HOUR, { type: 'custom', phase: 'point' });
      s.add(3 * HOUR, run('run.end', 'r2'));
    },
    expected: ['raise run r2 of bot', 'close run r2 of bot resolved'],
  },
  'missing_post: a call that does not end': {
    rule: '{ name: open, kind: missing_post, after: 30m }',
    tell: (s) => {
      s.add(0, call('bot', 'a.example', { id: 'one' }));
      s.add(1, call('bot', 'b.example', { id: 'two' }));
      s.add(2, { phase: 'post_exec', parent_id: 'one', outcome: { status: 'ok' } });
      s.add(HOUR, { type: 'custom', phase: 'point' });
    },
    expected: ['raise open b.example by bot', 'close open b.example by bot quiet'],
  },
  'sequence_gap: a number that a recorder left out, an index, and what the log says itself': {
    rule: '{ name: gap, kind: sequence_gap }',
    tell: (s) => {
      const source = (seq: number) => ({ source: { recorder_id: 'r', seq } });
      s.add(0, source(0));
      s.add(1, source(1));
      s.add(2, source(4));
      s.add(3, { ...source(5), index: 7 });
      s.add(4, { index: 8, ...source(6), type: 'log.gap', phase: 'point', metadata: { from: 'x', to: 'y' } });
    },
    expected: [
      'raise gap r',
      'raise gap the log',
      'raise gap x',
      'close gap r quiet',
      'close gap the log quiet',
      'close gap x quiet',
    ],
  },
  'anchor_failed: from the failure until the next receipt, however long that takes': {
    rule: '{ name: anchor, kind: anchor_failed, quiet: 1m }',
    tell: (s) => {
      const anchor = (type: string) => ({ type, phase: 'point', metadata: { anchor: 'w1', reason: 'down' } });
      s.add(0, anchor('anchor.fail'));
      s.add(DAY, anchor('anchor.fail'));
      s.add(2 * DAY, anchor('anchor.ok'));
    },
    expected: ['raise anchor w1', 'close anchor w1 resolved'],
  },
  'sink_failed: not about the delivery of alerts': {
    rule: '{ name: sink, kind: sink_failed }',
    tell: (s) => {
      s.add(0, {
        type: 'sink.fail',
        phase: 'point',
        metadata: { sink: 'ops', alert: 'log_1', reason: '500' },
      });
      s.add(1, { type: 'sink.fail', phase: 'point', metadata: { sink: 'siem', reason: '500' } });
      s.add(2, { type: 'sink.ok', phase: 'point', metadata: { sink: 'siem' } });
    },
    expected: ['raise sink siem', 'close sink siem resolved'],
  },
  'verification_failed: until one passes': {
    rule: '{ name: tampering, kind: verification_failed }',
    tell: (s) => {
      s.add(0, { type: 'custom', phase: 'point' });
      const verified = (verdict: 'pass' | 'fail', at: number) =>
        s.engine.signal({ kind: 'verification', at: START + at, verdict, words: 'entry 7 was altered' });
      verified('pass', 1);
      verified('fail', 2);
      verified('fail', 3);
      verified('pass', 4);
    },
    expected: ['raise tampering the log', 'close tampering the log resolved'],
  },
  'disk_low: until there is clearly more than too little': {
    rule: '{ name: disk, kind: disk_low, free: 1GiB }',
    tell: (s) => {
      s.add(0, { type: 'custom', phase: 'point' });
      for (const mib of [2_000, 1_000, 900, 1_030, 2_000])
        s.engine.signal({ kind: 'disk', at: START + mib, free_bytes: mib * 2 ** 20 });
    },
    expected: ['raise disk the disk of the log', 'close disk the disk of the log resolved'],
  },
  'baseline_drift: what is scored high enough': {
    rule: '{ name: drift, kind: baseline_drift, score: 0.9 }',
    tell: (s) => {
      s.add(0, { type: 'custom', phase: 'point' });
      for (const score of [0.5, 0.95])
        s.engine.signal({
          kind: 'drift',
          at: START + 1,
          agent: 'bot',
          deviation: 'first_host',
          subject: 'h',
          score,
          words: 'new',
          evidence: [1, 2],
        });
    },
    expected: ['raise drift bot', 'close drift bot quiet'],
  },
};

describe('the kinds of rules', () => {
  for (const [name, { rule, tell, expected }] of Object.entries(CASES))
    it(name, () => {
      const s = story([ruleOf(rule)]);
      tell(s);
      s.engine.tick(START + 400 * DAY);
      assert.deepEqual(told(s.took()), expected);
    });

  it('say what was found, and by which entries', () => {
    const s = story([
      ruleOf('{ name: fast, kind: rate, by: agent, count: 3, window: 1m, severity: critical }'),
    ]);
    times(3, (i) => s.add(i, call('bot', 'a.example')));
    const [raise] = s.took() as readonly Raise[];
    assert.equal(raise?.message, '3 calls by agent bot within 1m (the rule allows fewer than 3)');
    assert.deepEqual(
      [raise.evidence, raise.severity, raise.score, raise.at],
      [[0, 1, 2], 'critical', 1, START + 2],
    );
    assert.match(raise.id, /^log_[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it('tell matches apart by what `dedupe` names', () => {
    const one = (dedupe: string): readonly string[] => {
      const s = story([ruleOf(`{ name: s, kind: sensitive, endpoints: ["*"], dedupe: ${dedupe} }`)]);
      for (const agent of ['a', 'b'])
        for (const host of ['x.example', 'y.example']) s.add(0, call(agent, host));
      return told(s.took());
    };
    assert.equal(one('[]').length, 1);
    assert.equal(one('[agent]').length, 2);
    assert.equal(one('[agent, host]').length, 4);
  });
});

describe('alerts', () => {
  const rule: AlertRule = ruleOf('{ name: fast, kind: rate, by: host, count: 1, window: 1m, quiet: 10m }');

  it('that a person acknowledged are silent for the quiet period, and told again after it', () => {
    const s = story([rule]);
    s.add(0, call('bot', 'a.example'));
    const [raise] = s.took();
    s.add(1, { type: 'alert.close', phase: 'point', metadata: { alert: raise?.id, why: 'acknowledged' } });
    s.add(MINUTE, call('bot', 'a.example'));
    s.add(9 * MINUTE, call('bot', 'a.example'));
    assert.deepEqual(s.took(), []);
    s.add(11 * MINUTE, call('bot', 'a.example'));
    assert.deepEqual(told(s.took()), ['raise fast a.example']);
  });

  it('are not closed by an attempt that was refused', () => {
    const s = story([rule]);
    s.add(0, call('bot', 'a.example'));
    const [raise] = s.took();
    s.add(1, {
      type: 'alert.close',
      phase: 'point',
      outcome: { status: 'blocked' },
      metadata: { alert: raise?.id, why: 'acknowledged' },
    });
    s.engine.tick(START + HOUR);
    assert.deepEqual(told(s.took()), ['close fast a.example quiet']);
  });

  it('never alert about themselves', () => {
    const s = story([
      ruleOf('{ name: all, kind: sensitive, endpoints: ["*"], tools: ["*"], credentials: ["*"] }'),
    ]);
    for (const type of ['alert.raise', 'alert.close'])
      s.add(0, { ...call('bot', 'a.example'), type, phase: 'point' });
    assert.deepEqual(s.took(), []);
  });

  it('of which there are too many are counted in one', () => {
    const s = story([rule]);
    times(100, (i) => s.add(i, call('bot', `h${i}.example`)));
    const actions = s.took() as readonly Raise[];
    assert.equal(actions.length, 31);
    assert.match(actions.at(-1)?.message ?? '', /more than 30 alerts of this rule within an hour/);
    s.engine.tick(START + 2 * HOUR);
    const closed = s.took();
    const many = closed.find(({ subject }) => subject === 'fast');
    assert.ok(many?.do === 'close');
    assert.equal(many.count, 70);
  });

  it('of a rule that is taken out are withdrawn, of one that is altered they stay', () => {
    const s = story([rule]);
    s.add(0, call('bot', 'a.example'));
    s.took();
    s.engine.useRules([{ ...rule, severity: 'critical' }]);
    assert.deepEqual(s.took(), []);
    s.engine.useRules([]);
    assert.deepEqual(told(s.took()), ['close fast a.example withdrawn']);
  });

  it('that only a signal knows of are taken from the log, and not raised twice', () => {
    const disk = ruleOf('{ name: disk, kind: disk_low }');
    const before = story([disk]);
    before.add(0, { type: 'custom', phase: 'point' });
    before.engine.signal({ kind: 'disk', at: START, free_bytes: 1 });
    const [raise] = before.took() as readonly Raise[];
    assert.ok(raise);
    const after = story([disk]);
    const { id, rule: name, key, subject } = raise;
    after.add(0, {
      id,
      type: 'alert.raise',
      phase: 'point',
      metadata: { rule: name, key, subject, kind: 'disk_low' },
    });
    after.engine.signal({ kind: 'disk', at: START + DAY, free_bytes: 1 });
    assert.deepEqual(after.took(), []);
    after.engine.signal({ kind: 'disk', at: START + 2 * DAY, free_bytes: 2 ** 40 });
    assert.deepEqual(told(after.took()), ['close disk the disk of the log resolved']);
  });
});

describe('the time of the log', () => {
  const open = ruleOf('{ name: open, kind: missing_post, after: 30m, quiet: 1h }');

  it('does not stand still for ever when the clock was set forward and back again', () => {
    const s = story([open]);
    s.add(0, call('bot', 'a.example'));
    s.add(1_000 * DAY, { type: 'custom', phase: 'point' });
    assert.deepEqual(told(s.took()), ['raise open a.example by bot', 'close open a.example by bot quiet']);
    s.add(MINUTE, call('bot', 'b.example'));
    s.add(40 * MINUTE, { type: 'custom', phase: 'point' });
    assert.deepEqual(told(s.took()), ['raise open b.example by bot']);
  });

  it('does not go back with the clock', () => {
    const s = story([open]);
    s.add(HOUR, call('bot', 'a.example'));
    s.add(0, { type: 'custom', phase: 'point' });
    s.add(20 * MINUTE, { type: 'custom', phase: 'point' });
    assert.deepEqual(s.took(), []);
    s.add(31 * MINUTE, { type: 'custom', phase: 'point' });
    assert.deepEqual(told(s.took()), ['raise open a.example by bot']);
  });
});

describe('what an agent reports of itself', () => {
  it('is kept short however long it is, and different stays different', () => {
    const s = story([ruleOf('{ name: new, kind: first_seen, of: host, learn: 1s }')]);
    const long = 'h'.repeat(100_000);
    s.add(0, call('bot', 'a.example'));
    for (let i = 0; i < 20; i++) s.add(MINUTE + i, call('bot', `${long}${i}`, { path: `/${long}` }));
    assert.equal(s.took().filter((action) => action.do === 'raise').length, 20);
    assert.ok(JSON.stringify(s.engine.save()).length < 40_000);
  });
});
