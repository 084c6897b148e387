/**
 * What the runtime offers beyond the language: the one place of the core that looks. Node's own modules are asked for at
 * run time and not imported, so that the same files load in a browser, where there are none and the portable code does
 * the work (portable.ts).
 *
 * It asks for these two only. They compute; neither reads a clock, a file, the network or the environment.
 */
const host = typeof process === 'undefined' ? undefined : process;

/** Absent in a browser, and where a bundler put a `process` of its own. */
const builtin = typeof host?.getBuiltinModule === 'function' ? host : undefined;

export const nodeCrypto = builtin?.getBuiltinModule('node:crypto');

export const NodeBuffer = builtin?.getBuiltinModule('node:buffer')?.Buffer;
