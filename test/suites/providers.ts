/** What every place that keeps secrets does, whatever is behind it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import type { Provider, Where } from '../../src/capture/secrets/provider.ts';
import { isTallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';

export interface ProviderUnderTest {
  open(where: Where | undefined): Provider | Promise<Provider>;
  close?(): void | Promise<void>;
}

export interface ProviderTraits {
  /** What it needs, its name says it, is not here. */
  readonly missing?: boolean;
  /** Values that are not UTF-8, or hold NUL, come back. */
  readonly bytes?: boolean;
  /** It can tell which names it keeps. */
  readonly lists?: boolean;
  /** One store for all projects: it does not tell them apart. */
  readonly flat?: boolean;
}

const HERE: Where = { project: 'my app', profile: 'production' };
const THERE: Where = { project: 'other', profile: 'production' };
const secret = (): string => randomBytes(24).toString('base64url');

export function rejectsWith(kind: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTallyError(error), String(error));
    assert.equal(error.details?.kind, kind, error.message);
    assert.ok(error.hint, 'an error says how to mend it');
    return true;
  };
}

export function providerSuite(
  name: string,
  make: () => ProviderUnderTest | Promise<ProviderUnderTest>,
  { missing = false, bytes = false, flat = false, lists = true }: ProviderTraits = {},
): void {
  describe(name, { skip: missing && 'what it needs is not on this machine' }, () => {
    let made: Promise<ProviderUnderTest> | undefined;
    const open = async (
      where: Where | 'own' = HERE,
    ): Promise<Provider & Required<Pick<Provider, 'set' | 'delete'>>> => {
      made ??= Promise.resolve(make());
      const provider = await (await made).open(where === 'own' ? undefined : where);
      assert.ok(provider.set && provider.delete, `${name} can be written`);
      return { ...provider, set: provider.set, delete: provider.delete };
    };
    after(async () => (await made)?.close?.());

    it('has nothing under a name that was never set, and says so without failing', async () => {
      const provider = await open();
      assert.equal(await provider.get('NEVER_SET'), undefined);
      assert.equal(await provider.delete('NEVER_SET'), false);
    });

    it('gives back what it was given, also opened anew', async () => {
      const value = secret();
      await (await open()).set('TOKEN', Buffer.from(value));
      assert.equal((await (await open()).get('TOKEN'))?.toString(), value);
    });

    const texts: Readonly<Record<string, string>> = {
      'several lines': '-----BEGIN X-----\nabc\ndef\n-----END X-----',
      'a line break at the end': 'value\n',
      'quotes, dollars and hashes': `a"b'c\`d $HOME \${X} #no \\n \\ %41 = {key}`,
      'blanks around it': '  padded\t ',
      'letters beyond ASCII': 'pässwörd – 日本語 🔑',
      'a dash in front': '--help',
      'the largest value': 'x'.repeat(LIMITS.secretMaxBytes),
    };
    for (const [what, value] of Object.entries(texts))
      it(`gives back a value with ${what}, byte for byte`, async () => {
        const provider = await open();
        await provider.set('ODD', Buffer.from(value));
        assert.deepEqual(await provider.get('ODD'), Buffer.from(value));
      });

    it(
      bytes ? 'gives back bytes that are no text' : 'refuses bytes that it would not give back',
      async () => {
        const provider = await open();
        const value = Buffer.from([0x61, 0x00, 0xff, 0xfe, 0x0a, 0x80]);
        if (!bytes) return assert.rejects(provider.set('BYTES', value), rejectsWith('value_invalid'));
        await provider.set('BYTES', value);
        assert.deepEqual(await provider.get('BYTES'), value);
      },
    );

    it('refuses a value of 1 MB before anything is written', async () => {
      const provider = await open();
      await provider.set('BIG', Buffer.from('before'));
      await assert.rejects(provider.set('BIG', Buffer.alloc(1024 * 1024, 0x61)), (error: unknown) => {
        assert.ok(isTallyError(error) && error.hint);
        return true;
      });
      assert.equal((await provider.get('BIG'))?.toString(), 'before');
    });

    it('replaces a value, and the one before is gone', async () => {
      const provider = await open();
      await provider.set('TURN', Buffer.from('first'));
      await provider.set('TURN', Buffer.from('second'));
      assert.equal((await provider.get('TURN'))?.toString(), 'second');
    });

    it('deletes once', async () => {
      const provider = await open();
      await provider.set('GONE', Buffer.from(secret()));
      assert.equal(await provider.delete('GONE'), true);
      assert.equal(await provider.get('GONE'), undefined);
      assert.equal(await provider.delete('GONE'), false);
    });

    it('keeps projects apart, and the machine’s own from both', {
      skip: flat && 'one store for all',
    }, async () => {
      const mine = secret();
      await (await open(HERE)).set('SHARED', Buffer.from(mine));
      assert.equal(await (await open(THERE)).get('SHARED'), undefined);
      assert.equal(await (await open('own')).get('SHARED'), undefined);
      await (await open('own')).set('SHARED', Buffer.from('own'));
      assert.equal((await (await open(HERE)).get('SHARED'))?.toString(), mine);
    });

    it('lists names, not values', { skip: !lists && 'it cannot list' }, async () => {
      const provider = await open();
      assert.ok(provider.list);
      await provider.set('LISTED_B', Buffer.from(secret()));
      await provider.set('LISTED_A', Buffer.from(secret()));
      const names = await provider.list();
      assert.deepEqual(names, [...names].sort());
      assert.ok(names.includes('LISTED_A') && names.includes('LISTED_B'), names.join(' '));
    });

    it('says where it keeps a secret before it does', async () => {
      const provider = await open();
      assert.match(provider.address('TOKEN'), /TOKEN/);
      assert.match(provider.uri, /^[a-z-]+:/);
    });
  });
}
