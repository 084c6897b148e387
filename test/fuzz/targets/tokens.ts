/** Time-stamp tokens: what is believed was signed by the authority, about these bytes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { loadTrust } from '../../../src/anchor/rfc3161/driver.ts';
import { encodeRequest } from '../../../src/anchor/rfc3161/request.ts';
import { checkToken } from '../../../src/anchor/rfc3161/token.ts';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { makeAuthority } from '../../anchor/tsa.ts';
import { nearly } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const authority = makeAuthority({ after: (done) => void process.once('exit', done) });
const data = encodeUtf8('what was stamped');
const request = encodeRequest(data, randomBytes(32));
const response = new Uint8Array(authority.reply(request.der));
const trust = await loadTrust(authority.ca);
const honest = checkToken({ response, data, nonce: request.nonce, trust });
assert.ok(honest.ok && honest.trusted, 'the honest token is believed');

export const tokenTargets: readonly Target[] = [
  target(
    'time stamps: what is believed was signed, about these bytes',
    fc.tuple(nearly([response]), nearly([data])),
    ([token, about]) => {
      for (const bytes of [data, about.bytes]) {
        const told = checkToken({ response: token.bytes, data: bytes, nonce: request.nonce, trust });
        if (!told.ok || !told.trusted) continue;
        assert.equal(told.time, honest.time, 'a time that nobody signed');
        assert.ok(Buffer.compare(bytes, data) === 0, 'it is about other bytes');
      }
    },
  ),
];
