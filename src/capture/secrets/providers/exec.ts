/**
 * A command-line manager of secrets as a provider: a program and its arguments, never a shell. What goes into an argument
 * is a name that was checked, in a place that a template gives it; a name that a program would take for an option is
 * refused.
 */
import { LIMITS } from '../../../core/limits.ts';
import { type Provider, providerError, type Ref, requireSize, type Where } from '../provider.ts';
import { fillTemplate } from '../route.ts';
import type { CommandPreset } from './presets.ts';
import { type CommandResult, complaint, runCommand } from './run-command.ts';
import { hasControl, type ProviderAddress, parseAddress } from './uri.ts';

export interface ExecOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A manifest may name the manager, not where its store is. */
  readonly trusted: boolean;
  readonly where: Where | undefined;
  /** Of a command that the configuration describes. */
  readonly name?: string;
}

const PLACEHOLDER = /\{(item|field|vault|section|version|user)\}/g;
/** Not for other programs: it lets its bearer record in the name of a run. */
const OURS = ['TALLY_RUN_TOKEN', 'TALLY_AGENT_TOKEN'];

export function execProvider(preset: CommandPreset, spec: string, options: ExecOptions): Provider {
  const { env, trusted, where } = options;
  const address = parseAddress(spec, preset.settings ?? []);
  const convention = itemTemplate(preset, address);
  const program = preset.get[0] ?? address.scheme;
  const environment = childEnvironment(env, address, trusted);

  function values(name: string, ref: Ref | undefined): Readonly<Record<string, string | undefined>> {
    const extra = (['field', 'vault', 'section', 'version'] as const).find(
      (coordinate) => ref?.[coordinate] !== undefined && preset.coordinates?.includes(coordinate) !== true,
    );
    if (extra !== undefined)
      throw providerError(
        'ref_unsupported',
        `a secret of ${program} has no ${extra} here`,
        `take ${extra} out of its ref`,
      );
    const item = ref?.item ?? itemOf(convention, where, name);
    const host = preset.host === undefined || address.host === '' ? undefined : address.host;
    const said = {
      ...preset.defaults,
      ...(host === undefined ? {} : { vault: host }),
      ...(address.user === undefined ? {} : { user: address.user }),
      ...Object.fromEntries(Object.entries(ref ?? {}).filter(([, value]) => value !== undefined)),
      item,
    };
    for (const value of Object.values(said))
      if (typeof value === 'string' && (value.startsWith('-') || hasControl(value)))
        throw providerError(
          'provider_misconfigured',
          `${program} would take a name that begins with "-" for an option`,
          'name the entry otherwise in its store',
        );
    return said;
  }

  async function run(
    template: readonly string[],
    name: string,
    ref: Ref | undefined,
    input?: Uint8Array,
  ): Promise<CommandResult | 'missing'> {
    const [first, ...rest] = fill(template, values(name, ref));
    const result = await runCommand({
      argv: [first ?? program, ...rest],
      env: environment,
      timeoutMs: preset.timeoutMs ?? LIMITS.providerCommandMs,
      ...(input === undefined ? {} : { input }),
    });
    if (result.code === 0) return result;
    const why = failureOf(preset, program, result);
    result.stdout.fill(0);
    if (why === 'missing') return why;
    throw why;
  }

  const { set, delete: remove, list } = preset;
  return {
    uri: options.name === undefined ? uriOf(address, preset) : `exec://${options.name}`,
    address: (name, ref) => `${program}, ${values(name, ref).item ?? name}`,
    async get(name, ref) {
      const result = await run(preset.get, name, ref);
      if (result === 'missing') return undefined;
      return preset.newline ? withoutLineBreak(result.stdout) : result.stdout;
    },
    ...(set === undefined
      ? {}
      : {
          async set(name: string, value: Uint8Array, ref?: Ref) {
            requireSize(value, name);
            const input = Buffer.concat([value, Buffer.from(preset.inputEnd ?? '')]);
            const result = await run(set, name, ref, input);
            input.fill(0);
            if (result === 'missing')
              throw providerError('provider_failed', `${program} has no place for ${name}`, 'make it there');
            result.stdout.fill(0);
            return undefined;
          },
        }),
    ...(remove === undefined
      ? {}
      : {
          async delete(name: string, ref?: Ref) {
            const result = await run(remove, name, ref);
            if (result === 'missing') return false;
            result.stdout.fill(0);
            return true;
          },
        }),
    ...(list === undefined
      ? {}
      : {
          async list() {
            const result = await run(list, '', { item: 'all' });
            if (result === 'missing') return [];
            const names = result.stdout.toString('utf8').split(/\r?\n/);
            return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))].sort();
          },
        }),
  };
}

function itemTemplate(preset: CommandPreset, address: ProviderAddress): string {
  const said = preset.host === undefined ? address.rest : address.path;
  return said === '' ? preset.item : said;
}

/** The machine’s own have no project: they are under one name for all. */
function itemOf(template: string, where: Where | undefined, name: string): string {
  const { project, profile } = where ?? { project: 'tallystick', profile: 'machine' };
  return fillTemplate(template, { project, profile, key: name });
}

function fill(
  template: readonly string[],
  values: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return template.flatMap((argument) => {
    let whole = true;
    const text = argument.replace(PLACEHOLDER, (_, name: string) => {
      const value = values[name];
      if (value === undefined) whole = false;
      return value ?? '';
    });
    return whole ? [text] : [];
  });
}

function childEnvironment(
  env: ExecOptions['env'],
  address: ProviderAddress,
  trusted: boolean,
): ExecOptions['env'] {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.includes(name)));
  const store = address.query.get('store_dir');
  if (store === undefined) return own;
  // A store may bring hooks of its own, which writing runs.
  if (!trusted)
    throw providerError(
      'provider_untrusted',
      'a manifest may not say where the password store is',
      'set PASSWORD_STORE_DIR yourself, or name the provider in config.yaml',
    );
  return { ...own, PASSWORD_STORE_DIR: store };
}

function uriOf({ scheme, user, host, path, rest }: ProviderAddress, preset: CommandPreset): string {
  if (preset.host === undefined) return `${scheme}://${rest}`;
  return `${scheme}://${user === undefined ? '' : `${user}@`}${host}${path === '' ? '' : `/${path}`}`;
}

function failureOf(preset: CommandPreset, program: string, result: CommandResult): Error | 'missing' {
  const { stderr, code } = result;
  if (preset.missing?.test(stderr) === true || preset.missingCodes?.includes(code) === true) return 'missing';
  const said = complaint(result);
  if (preset.denied?.test(stderr) === true)
    return providerError(
      'provider_denied',
      `${program} says no${said}`,
      'ask for access where it is managed',
    );
  if (preset.locked?.test(stderr) === true)
    return providerError(
      'provider_locked',
      `${program} is locked${said}`,
      `unlock it: run ${program} yourself`,
    );
  return providerError(
    'provider_failed',
    `${program} ended with code ${code}${said}`,
    `run ${program} yourself to see what it says`,
  );
}

function withoutLineBreak(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
