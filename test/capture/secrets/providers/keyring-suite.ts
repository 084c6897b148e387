/** Run inside a session with an unlocked keyring (keyring.test.ts). */
import { keyringProvider } from '../../../../src/capture/secrets/providers/keyring.ts';
import { providerSuite } from '../../../suites/providers.ts';

providerSuite('the OS keyring', () => ({ open: (where) => keyringProvider('keyring://', where) }), {
  bytes: true,
  lists: false,
});
