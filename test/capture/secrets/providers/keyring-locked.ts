/** Run inside a session whose keyring is locked and where nobody can be asked (keyring.test.ts). */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keyringProvider } from '../../../../src/capture/secrets/providers/keyring.ts';
import { rejectsWith } from '../../../suites/providers.ts';

it('a locked keyring is a failure, not a missing secret', async () => {
  const keyring = keyringProvider('keyring://', { project: 'my app', profile: 'production' });
  await assert.rejects(keyring.get('TOKEN'), rejectsWith('provider_locked'));
});
