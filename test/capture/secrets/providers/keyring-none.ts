/** Run where no keyring answers (keyring.test.ts). */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keyringProvider } from '../../../../src/capture/secrets/providers/keyring.ts';
import { rejectsWith } from '../../../suites/providers.ts';

it('no keyring is a failure with a way out, and nothing is kept anywhere else', async () => {
  const keyring = keyringProvider('keyring', { project: 'my app', profile: 'production' });
  await assert.rejects(
    keyring.set?.('TOKEN', Buffer.from('value')) ?? Promise.resolve(),
    rejectsWith('provider_unavailable'),
  );
  await assert.rejects(keyring.get('TOKEN'), (error: Error) => {
    rejectsWith('provider_unavailable')(error);
    assert.match(String((error as { hint?: string }).hint), /--provider tally/);
    return true;
  });
});
