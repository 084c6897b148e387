/** Bodies of requests, held against their shape. */
import type { z } from 'zod';
import { ApiError } from './reply.ts';

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export function problemOf(issue: Issue | undefined): string {
  return issue === undefined
    ? 'the request is malformed'
    : `${issue.path.join('.') || 'request'}: ${issue.message}`;
}

/** Throws `ApiError` with the first thing that is wrong. `hint`: where the shape is written down. */
export function readShape<T>(shape: z.ZodType<T>, body: unknown, hint: string): T {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new ApiError(400, 'bad_request', problemOf(parsed.error.issues[0]), hint);
}
