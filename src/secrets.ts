/**
 * `tallystick/secrets`: secrets for programs in Node, recorded like those of the command line (docs/secrets.md).
 *
 *     import { get } from 'tallystick/secrets';
 *     const url = await get('DATABASE_URL', { reason: 'nightly backup' });
 */
export { isTallyError, TallyError } from './core/error.ts';
export { type GetOptions, get, getBytes } from './open/sdk-secrets.ts';
