import assert from 'node:assert/strict';
import { test } from 'node:test';
import { providerSettings } from '../../../src/capture/secrets/provider-setting.ts';
import { SecretsSettingSchema } from '../../../src/capture/secrets/setting-shape.ts';

test('the machine’s configuration names places, commands, and where its own secrets are', () => {
  const setting = SecretsSettingSchema.parse({
    provider: ['tally', 'keyring'],
    providers: {
      team: {
        uri: 'vault://v.example.com/team',
        credentials: { token: { provider: 'keyring', ref: { item: 'vault' } } },
      },
      any: { fallback: ['team', 'env'] },
    },
    commands: {
      mine: { get: ['my-manager', 'read', '{item}'], missing_text: 'no (such) item?', newline: false },
    },
    credentials: { STRIPE_KEY: 'team', GITHUB: { providers: ['any'], ref: { item: 'git/hub' } } },
  });
  const { aliases, usual, commands, own } = providerSettings(setting);
  assert.deepEqual(usual, ['tally', 'keyring']);
  assert.deepEqual(aliases.get('any')?.specs, ['team', 'env']);
  assert.equal(aliases.get('team')?.credentials?.get('token')?.ref?.item, 'vault');
  const mine = commands.get('mine');
  assert.ok(
    mine?.missing?.test('error: no (such) item? here') === true && !mine.missing.test('no such item'),
  );
  assert.deepEqual([mine?.item, mine?.newline, mine?.set], ['{key}', false, undefined]);
  assert.deepEqual(own.get('STRIPE_KEY')?.providers, ['team']);
  assert.equal(own.get('GITHUB')?.ref?.item, 'git/hub');
});

test('what it does not know is refused, and a command is a list of arguments, never a line for a shell', () => {
  for (const bad of [
    { provider: '' },
    { providers: { x: {} } },
    { commands: { mine: { get: 'my-manager read' } } },
    { commands: { mine: { set: ['x'] } } },
    { commands: { 'not a name': { get: ['x'] } } },
    { commands: { mine: { get: ['x'], shell: true } } },
    { credentials: { A: { provider: 'x' } } },
  ])
    assert.equal(SecretsSettingSchema.safeParse(bad).success, false, JSON.stringify(bad));
});
