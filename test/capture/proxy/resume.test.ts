/** Programs connect again and again: what the second connection to a host saves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeaves, type Leaves } from '../../../src/capture/ca/leaves.ts';
import { makeAuthority } from './certificates.ts';
import { connectVia, requestOn, secure } from './connecting.ts';
import { echo, stage } from './stage.ts';

test('a program that comes back resumes its TLS session, with the same leaf', async (t) => {
  const authority = makeAuthority(t);
  let leaves: Leaves | undefined;
  const contexts = new Set<unknown>();
  const at = await stage(t, {
    config: { extraCa: [authority.ca] },
    names: () => ['127.0.0.1'],
    leaves: {
      async of(host) {
        leaves ??= createLeaves({ state: at.state }, Date.now);
        const context = await leaves.of(host);
        contexts.add(context);
        return context;
      },
    },
  });
  const up = await at.upstream(echo, { tls: authority.issue('DNS:api.test'), host: 'api.test' });
  const name = `api.test:${up.port}`;

  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    let session: Buffer | undefined;
    for (const again of [false, true]) {
      const { socket } = await connectVia(at.port, name);
      const inner = await secure(at, socket, 'api.test', {
        maxVersion,
        ...(session === undefined ? {} : { session }),
      });
      const answer = await requestOn(inner, '/things', { host: name });
      assert.equal(answer.status, 200);
      assert.equal(inner.isSessionReused(), again, maxVersion);
      // With its ticket, which came before the answer.
      session = inner.getSession();
      inner.destroy();
    }
  }
  assert.equal(contexts.size, 1, 'one leaf for all four');
});
