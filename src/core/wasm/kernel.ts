/**
 * The WebAssembly kernels, ready to call. Where there is no WebAssembly or no SIMD there is no kernel, and callers do
 * the same work without: it is a matter of speed only.
 */
import { assemble } from './assembler.ts';
import { chainFunction } from './chain.ts';
import { leavesFunction } from './leaf-lanes.ts';
import { lineFunctions } from './lines.ts';
import { nestingFunction } from './nesting.ts';
import { foldFunction, ROUND_CONSTANTS } from './sha256-lanes.ts';

// Neither the language's nor Node's types declare it: what is used here.
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly validate: (bytes: Uint8Array<ArrayBuffer>) => boolean;
}
declare const WebAssembly: WebAssemblyApi | undefined;

const PAGE_BYTES = 65_536;
/** The round constants come first; what follows is the caller's. */
export const KERNEL_START = 256;
/** Kernels read up to so many bytes beyond what they are asked about. */
export const KERNEL_SLACK = 64;

export interface Kernel {
  /** The whole memory. */
  readonly bytes: Uint8Array;
  /** See `foldFunction`. */
  fold(before: number, fours: number): void;
  /** See `nestingFunction`. */
  nesting(from: number, to: number): number;
  /** See `linesFunction`. */
  lines(from: number, to: number, table: number, tableEnd: number): number;
  /** See `chainFunction`. */
  chain(table: number, end: number, hashes: number): number;
  /** See `leavesFunction`. */
  leaves(table: number, fours: number, out: number): void;
}

let compiled: object | undefined;

function compile(): object | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  if (compiled === undefined) {
    const bytes = assemble([
      foldFunction(),
      nestingFunction(),
      chainFunction(),
      leavesFunction(),
      ...lineFunctions(4, 1),
    ]);
    try {
      if (WebAssembly.validate(bytes)) compiled = new WebAssembly.Module(bytes);
    } catch {
      // A page whose policy forbids to compile code has no kernel.
    }
  }
  return compiled;
}

/** A kernel of its own memory, of at least so many bytes. The module is compiled at the first call. */
export function createKernel(bytes: number): Kernel | undefined {
  const module = compile();
  if (module === undefined || typeof WebAssembly === 'undefined') return undefined;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  new Uint32Array(memory.buffer).set(ROUND_CONSTANTS);
  return { ...(exports as Omit<Kernel, 'bytes'>), bytes: new Uint8Array(memory.buffer) };
}
