import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { commandLine, quoted } from '../../src/cli/command-line.ts';
import { parseBy } from '../../src/cli/dimensions.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../src/cli/filters.ts';
import { isTallyError } from '../../src/core/error.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const UTC = { utc: true };

function parsed(...args: readonly string[]): { filter: ReturnType<typeof toFilter>; command: Command } {
  const command = filterOptions(new Command('list'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parse(args, { from: 'user' });
  return { filter: toFilter(command.opts<FilterOptions>(), NOW, UTC), command };
}

describe('the filters of the command line', () => {
  it('each say one member of a filter', () => {
    const { filter } = parsed(
      ...['--agent', 'a', '--run', 'r', '--step', 's', '--session', 'x', '--tenant', 't', '--user', 'u'],
      ...['--on-behalf-of', 'o', '--tool', 'tl', '--action', 'ac', '--surface', 'sdk', '--layer', 'rules'],
      ...['--domain', 'API.example', '--method', 'get', '--decision', 'deny', '--reason', 'rule_error'],
      ...['--outcome', 'OK', '--text', 'two words', '--since', '1h', '--until', 'now', '--failed'],
    );
    assert.deepEqual(filter, {
      agent: 'a',
      run: 'r',
      step: 's',
      session: 'x',
      tenant: 't',
      user: 'u',
      onBehalfOf: 'o',
      tool: 'tl',
      action: 'ac',
      surface: 'sdk',
      layer: 'rules',
      host: 'api.example',
      method: 'GET',
      decision: 'stop',
      reasonCode: 'rule_error',
      status: 'ok',
      text: 'two words',
      since: '2026-11-20T11:00:00.000Z',
      until: '2026-11-20T12:00:00.000Z',
      failed: true,
    });
  });

  it('keep the older name of --reason, and refuse two different answers to one question', () => {
    assert.equal(parsed('--reason-code', 'rule_error').filter.reasonCode, 'rule_error');
    assert.equal(parsed('--reason', 'a', '--reason-code', 'a').filter.reasonCode, 'a');
    for (const args of [
      ['--reason', 'a', '--reason-code', 'b'],
      ['--outcome', 'ok', '--status', '404'],
    ])
      assert.throws(() => parsed(...args), /ask for different things/);
  });

  it('refuse times that are none, days that no calendar has, and spans that hold nothing', () => {
    for (const args of [
      ['--since', 'tomorrow+'],
      ['--since', '2026-13-01'],
      ['--since', '2026-02-30'],
      ['--until', '2025-02-29T10:00'],
      ['--since', '99999999999w'],
      ['--since', '25:00'],
      ['--since', '1h', '--until', '2h'],
      ['--since', 'today', '--until', 'today'],
      ['--text', '—!'],
    ])
      assert.throws(
        () => parsed(...args),
        (error) => isTallyError(error) && error.code === 'USAGE' && (error.hint ?? '').length > 5,
        args.join(' '),
      );
    assert.equal(parsed('--since', '2024-02-29').filter.since, '2024-02-29T00:00:00.000Z');
  });
});

describe('a command line that is said again', () => {
  it('has what was typed, what was changed, and quotes for a shell', () => {
    const { command } = parsed('--agent', "it's", '--type', 'a.b', 'c', '--failed');
    assert.equal(commandLine(command, {}), `list --agent 'it'\\''s' --type a.b c --failed`);
    assert.equal(
      commandLine(command, { agent: undefined, host: 'h.example' }),
      'list --type a.b c --host h.example --failed',
    );
    assert.equal(quoted(''), "''");
  });
});

describe('what rows are counted by', () => {
  it('has several names at once, and other words for some', () => {
    assert.deepEqual(parseBy('Agent, domain', undefined), ['agent', 'host']);
    assert.deepEqual(parseBy('reason', ['agent', 'reasonCode']), ['agent', 'reasonCode']);
    assert.throws(() => parseBy('agents', undefined), /Did you mean agent\?/);
    assert.throws(() => parseBy('constructor', undefined), /It is one of/);
  });
});
