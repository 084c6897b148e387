import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeholderFor } from '../../src/capture/proxy/placeholder.ts';
import { aboutProgram } from '../../src/cli/commands/run/about.ts';
import { allowCommand } from '../../src/cli/commands/run/allow.ts';
import { isReserved, proxyVariables } from '../../src/cli/commands/run/environment.ts';
import { placeholdersOf } from '../../src/cli/commands/run/placeholders.ts';

const TRUST = {
  bundle: '/s/ca/bundle.pem',
  extra: '/s/ca/ca.pem',
  certificate: '/s/ca/ca.pem',
  wgetrc: '/s/w',
};
const PLACE = {
  url: 'http://127.0.0.1:7',
  token: 'run_1.secret',
  trust: TRUST,
  bootstrap: '/t/bootstrap.cjs',
};

test('what a program reads of proxies is the broker with the run’s token, in the case that it reads', () => {
  const given = proxyVariables({}, PLACE);
  for (const name of [
    'HTTP_PROXY',
    'http_proxy',
    'https_proxy',
    'all_proxy',
    'npm_config_https_proxy',
    'PIP_PROXY',
  ])
    assert.equal(given[name], 'http://run:run_1.secret@127.0.0.1:7', name);
  assert.deepEqual([given.NO_PROXY, given.no_proxy], ['127.0.0.1:7', '127.0.0.1:7']);
  assert.deepEqual([given.SSL_CERT_FILE, given.NODE_EXTRA_CA_CERTS], ['/s/ca/bundle.pem', '/s/ca/ca.pem']);
});

test('settings of Git that are there stay, and ours come after them', () => {
  const given = proxyVariables({ GIT_CONFIG_COUNT: '2' }, PLACE);
  assert.deepEqual(
    [given.GIT_CONFIG_COUNT, given.GIT_CONFIG_KEY_2, given.GIT_CONFIG_VALUE_2],
    ['3', 'http.proxy', given.HTTP_PROXY],
  );
  assert.equal(proxyVariables({ GIT_CONFIG_COUNT: 'x' }, PLACE).GIT_CONFIG_COUNT, '1');
});

test('options of Node that are there stay; a run inside a run adds nothing; a path with spaces is quoted', () => {
  const of = (before: string | undefined, bootstrap = PLACE.bootstrap) =>
    proxyVariables({ NODE_OPTIONS: before }, { ...PLACE, bootstrap }).NODE_OPTIONS;
  assert.equal(of(undefined), '--require=/t/bootstrap.cjs');
  assert.equal(of('--max-old-space-size=99'), '--max-old-space-size=99 --require=/t/bootstrap.cjs');
  assert.equal(of(of('')), '--require=/t/bootstrap.cjs');
  assert.equal(of('', '/a "b"/x.cjs'), '--require="/a \\"b\\"/x.cjs"');
});

test('no secret of a project can take the place of a variable that leads to the broker or starts programs', () => {
  const taken = [
    ...Object.keys(proxyVariables({}, PLACE)),
    'PATH',
    'LD_PRELOAD',
    'PYTHONPATH',
    'TALLY_RUN_TOKEN',
  ];
  for (const name of taken.filter((each) => !each.startsWith('GIT_CONFIG_')))
    assert.ok(isReserved(name), name);
  for (const name of ['STRIPE_KEY', 'GITHUB_TOKEN', 'DATABASE_URL', 'NPM_TOKEN'])
    assert.ok(!isReserved(name), name);
});

test('a placeholder stands for the project’s own secret, else for the machine’s, and for nothing optional that is nowhere', () => {
  const declared = { names: ['A', 'B', 'C', 'D'], optional: new Set(['C', 'D']), prefix: 'shop/default/' };
  const given = placeholdersOf(declared, 'run_1.secret', ['A', 'shop/default/A', 'D']);
  assert.deepEqual(given, {
    A: placeholderFor('run_1.secret', 'shop/default/A'),
    B: placeholderFor('run_1.secret', 'B'),
    D: placeholderFor('run_1.secret', 'D'),
  });
});

test('the command that allows a host has the port and the flags that it needs', () => {
  const of = (host: string, port?: number, scheme?: string, reason = 'domain_not_in_allowlist') =>
    allowCommand({ host, port, scheme, reason });
  assert.equal(of('api.example', 443), 'tally policy allow api.example');
  assert.equal(of('api.example', 8443, 'https'), 'tally policy allow api.example:8443');
  assert.equal(of('api.example', 80, 'http'), 'tally policy allow api.example --http');
  assert.equal(of('localhost', 3000, 'http'), 'tally policy allow localhost:3000 --http --internal');
  assert.equal(of('::1', 8443), "tally policy allow '[::1]:8443' --internal");
  assert.equal(
    of('db.corp', 443, 'https', 'ssrf_protection_blocked'),
    'tally policy allow db.corp --internal',
  );
  assert.equal(of('169.254.169.254', 80, 'http'), undefined, 'nothing allows that');
  assert.equal(of('metadata.google.internal', 80, 'http'), undefined);
});

test('a command that a person copies has nothing in it that a shell would carry out, whatever a program called', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.option(fc.nat(65_535), { nil: undefined }),
      (host, port) => {
        const command = allowCommand({ host, port, scheme: 'https', reason: 'empty_allowlist' });
        assert.match(
          command ?? '',
          /^(tally policy allow '?[\][A-Za-z0-9._:-]+'?( --http)?( --internal)?)?$/,
        );
      },
    ),
  );
});

test('the agent that a command looks like is inferred from its name alone', () => {
  assert.deepEqual(aboutProgram('/usr/bin/claude', []), {
    about: { program: { agent: 'claude', signals: ['command:claude'], quality: 'inferred' } },
  });
  assert.deepEqual(aboutProgram('node', ['/x/node_modules/@openai/codex/bin/cli.js']).about?.program, {
    agent: 'codex',
    signals: ['command:codex'],
    quality: 'inferred',
  });
  assert.deepEqual(aboutProgram('curl', ['https://claude']), {});
});
