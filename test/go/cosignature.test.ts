/** Cosignatures of our own witness, judged by a Go program that was written from the C2SP documents. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createWitnessAnchor } from '../../src/anchor/witness.ts';
import { growLog, makeCosigner, scratch, startWitness, WITNESSED } from '../support/witness.ts';
import { withGoProgram } from './go.ts';

describe('a Go program', () => {
  it('agrees with the vectors of cosignatures and of requests to a witness', async () => {
    await withGoProgram('cosignature', async (go) => {
      const folder = fileURLToPath(new URL('../../spec/vectors', import.meta.url));
      assert.match(await go.run(folder), /^ok: 22 values/);
    });
  });

  it('verifies receipts of two of our witnesses, and none with a byte changed', async (t) => {
    const log = growLog();
    const signal = new AbortController().signal;
    let note = log.at(42).note;
    const vkeys: string[] = [];
    for (const [fill, name] of [
      [3, 'witness.example/w3'],
      [4, 'witness.example/w4'],
    ] as const) {
      const { url, cosigner } = await startWitness(t, { cosigner: makeCosigner(fill, name) });
      const anchor = createWitnessAnchor({ name: 'w', url, vkey: cosigner.vkey, now: Date.now });
      note = (await anchor.anchor({ ...log.at(42), note }, signal)).bytes;
      vkeys.push(cosigner.vkey);
    }
    const file = join(await scratch(t), 'receipt.note');
    await withGoProgram('cosignature', async (go) => {
      await writeFile(file, note);
      const said = await go.run(file, log.signer.vkey, ...vkeys);
      assert.match(
        said,
        new RegExp(`^ok: ${WITNESSED} 42\nwitness.example/w3 \\d{10}\nwitness.example/w4 \\d{10}\n$`),
      );
      const changed = Buffer.from(note);
      const last = changed.length - 20;
      changed[last] = changed[last] === 0x41 ? 0x42 : 0x41;
      await writeFile(file, changed);
      await assert.rejects(go.run(file, log.signer.vkey, ...vkeys), /invalid signature|malformed note/);
    });
  });
});
