import assert from 'node:assert/strict';
import { test } from 'node:test';
import { determineAgent, KNOWN_AGENTS } from '@vercel/detect-agent';
import fc from 'fast-check';
import { detectAgent } from '../../../src/capture/agent/detect.ts';
import { SIGNALS } from '../../../src/capture/agent/signals.ts';
import { ClientSchema } from '../../../src/recorder/ops.ts';

test('an environment without any signal is a person or a plain program', () => {
  assert.equal(detectAgent({ env: { PATH: '/bin', HOME: '/h', TERM: 'xterm' } }), undefined);
});

test('a variable that is set to nothing is no signal', () => {
  assert.equal(detectAgent({ env: { CLAUDECODE: '', AI_AGENT: '  ' } }), undefined);
});

test('a variable that needs a value counts only with that value', () => {
  assert.equal(detectAgent({ env: { OPENCODE: '/opt/opencode' } }), undefined);
  assert.equal(detectAgent({ env: { OPENCODE: '1' } })?.agent, 'opencode');
});

test('every signal is found and named by its variable, never by its value', () => {
  for (const { variable, agent, value } of SIGNALS) {
    const secret = value ?? 'the-value-of-it';
    const found = detectAgent({ env: { [variable]: secret } });
    assert.deepEqual(found, { agent, signals: [`env:${variable}`] });
  }
});

test('AI_AGENT names the agent before every other signal', () => {
  const found = detectAgent({ env: { AI_AGENT: ' my-agent ', CLAUDECODE: '1' }, library: 'my-agent' });
  assert.deepEqual(found, { agent: 'my-agent', signals: ['env:AI_AGENT', 'env:CLAUDECODE'] });
});

test('an agent that only the library finds is kept and its signal says so', () => {
  assert.deepEqual(detectAgent({ env: {}, library: 'devin' }), {
    agent: 'devin',
    signals: ['library:detect-agent'],
  });
});

test('the table agrees with the library on every agent that the library reads from a variable', async () => {
  // The library reads the process environment itself, so each signal is set there and taken away again.
  const known = new Set<string>(Object.values(KNOWN_AGENTS));
  const saved = { ...process.env };
  const cleared = ['AI_AGENT', ...SIGNALS.map(({ variable }) => variable)];
  try {
    for (const name of cleared) delete process.env[name];
    for (const { variable, agent, value } of SIGNALS) {
      // Cowork is a refinement of another signal in the library.
      if (!known.has(agent) || agent === 'cowork') continue;
      process.env[variable] = value ?? '1';
      const { agent: found } = await determineAgent();
      delete process.env[variable];
      assert.equal(found?.name, agent, variable);
    }
  } finally {
    for (const name of cleared) if (saved[name] !== undefined) process.env[name] = saved[name];
  }
});

test('whatever the environment holds, the answer fits what a client may report', () => {
  const names = fc.constantFrom('AI_AGENT', ...SIGNALS.map(({ variable }) => variable));
  fc.assert(
    fc.property(
      fc.dictionary(names, fc.string({ unit: 'binary', maxLength: 500 })),
      fc.option(fc.string(), { nil: undefined }),
      (env, library) => {
        const detected = detectAgent({ env, library });
        if (detected === undefined) return;
        assert.ok(ClientSchema.safeParse({ surface: 'cli', detected }).success);
        assert.match(detected.agent, /^[\w.:@/ -]{1,64}$/);
      },
    ),
  );
});
