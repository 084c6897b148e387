/** The environment this process was started with. Read-only: what is set here nobody else would see. */
import { itemOf, type Provider } from '../provider.ts';

export function envProvider(env: Readonly<Record<string, string | undefined>>): Provider {
  return {
    uri: 'env://',
    address: (name, ref) => `environment variable ${ref?.item ?? name}`,
    async get(name, ref) {
      const value = env[itemOf(ref, 'the environment') ?? name];
      return value === undefined ? undefined : Buffer.from(value);
    },
    list: async () =>
      Object.keys(env)
        .filter((name) => env[name] !== undefined)
        .sort(),
  };
}

/** Has nothing, keeps nothing: for secrets that are asked for, made up or left at their default each time. */
export function nullProvider(): Provider {
  return {
    uri: 'null://',
    address: () => 'nowhere',
    get: async () => undefined,
    list: async () => [],
  };
}
