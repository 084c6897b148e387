import { resolve } from 'node:path';
import { type AnchorSetting, everyOf, placeOf } from '../../../anchor/setting.ts';
import { TallyError } from '../../../core/error.ts';
import { addAnchor, checkNewAnchor, listAnchors, noSuchAnchor, removeAnchor } from '../../anchors-config.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { setUp } from '../../setup.ts';
import { requireLocal } from './local.ts';

export interface AddOptions {
  readonly every?: string;
  readonly ca?: string;
  readonly vkey?: string;
  readonly remote?: string;
  readonly branch?: string;
  readonly secret?: string;
  readonly json?: boolean;
}

/** The option that holds the place, and those that a type knows. */
const FORMS: Readonly<
  Record<
    AnchorSetting['type'],
    { readonly place: 'url' | 'path'; readonly options: readonly (keyof AddOptions)[] }
  >
> = {
  rfc3161: { place: 'url', options: ['ca'] },
  witness: { place: 'url', options: ['vkey'] },
  git: { place: 'path', options: ['remote', 'branch'] },
  file: { place: 'path', options: [] },
  webhook: { place: 'url', options: ['secret'] },
};

function isType(type: string): type is AnchorSetting['type'] {
  return Object.hasOwn(FORMS, type);
}

/** On record first, then in the file: a change that nobody recorded is what an attacker would make. */
export async function add(
  context: Context,
  type: string,
  name: string,
  place: string,
  options: AddOptions,
): Promise<void> {
  setUp(context.paths);
  const anchor = checkNewAnchor(context.paths, settingOf(type, name, place, options));
  await requireLocal(context, anchor);
  await asOperator(context, async (ask) => {
    await ask('anchor.change', {
      change: 'add',
      name: anchor.name,
      type: anchor.type,
      place: placeOf(anchor),
    });
    await addAnchor(context.paths, anchor);
  });
  if (options.json === true) return context.stdout.line(toJson({ added: anchor }));
  await context.stdout.line(
    `added ${safe(name)} (${type}, ${safe(placeOf(anchor))}), shown a checkpoint every ${everyOf(anchor)} at most`,
  );
  if (anchor.type === 'rfc3161' && anchor.ca === undefined)
    context.warn(
      'without --ca FILE nobody checks who made its time stamps, and their time counts for nothing',
    );
  await context.stderr.line(context.stderr.style.dim(`Try it: tally anchor run ${safe(name)}`));
}

function settingOf(type: string, name: string, place: string, options: AddOptions): Record<string, unknown> {
  if (!isType(type)) {
    throw new TallyError('USAGE', `no kind of anchor: ${type}`, {
      hint: `there are: ${Object.keys(FORMS).join(', ')}`,
    });
  }
  const form = FORMS[type];
  const { json: _json, every, ...given } = options;
  const foreign = Object.keys(given).find((option) => !form.options.includes(option as keyof AddOptions));
  if (foreign !== undefined) {
    throw new TallyError('USAGE', `--${foreign} is not for an anchor of type ${type}`, {
      hint: 'tally anchor add --help shows what each type takes',
    });
  }
  return {
    name,
    type,
    [form.place]: form.place === 'path' ? resolve(place) : place,
    ...given,
    ...(given.ca === undefined ? {} : { ca: resolve(given.ca) }),
    ...(every === undefined ? {} : { every }),
  };
}

export async function remove(
  context: Context,
  name: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const anchors = listAnchors(context.paths);
  const anchor = anchors.find((one) => one.name === name);
  if (anchor === undefined) throw noSuchAnchor(name, anchors);
  await asOperator(context, async (ask) => {
    await ask('anchor.change', { change: 'remove', name, type: anchor.type, place: placeOf(anchor) });
    await removeAnchor(context.paths, name);
  });
  if (options.json === true) return context.stdout.line(toJson({ removed: anchor }));
  await context.stdout.line(`removed ${safe(name)}; its receipts stay in the log's directory, and count on`);
}
