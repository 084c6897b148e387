/**
 * What a bundle says of itself (spec/export.md section 4). Nobody signs it: everything in it that can be checked is
 * checked against the signed checkpoint, and the rest is the word of whoever exported.
 */
import { z } from 'zod';
import { decodeUtf8 } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';

export const BUNDLE_FORMAT = 'tallystick-bundle';
export const BUNDLE_VERSION = 1;
export const MANIFEST = 'manifest.json';
export const ENTRIES = 'entries.jsonl';
export const CHECKPOINT = 'checkpoint';

const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const FileSchema = z.object({ bytes: count, sha256: hash });
export type BundleFile = z.infer<typeof FileSchema>;

const ManifestSchema = z.looseObject({
  format: z.literal(BUNDLE_FORMAT),
  version: z.literal(BUNDLE_VERSION),
  created: z.string(),
  origin: z.string(),
  filter: z.record(z.string(), z.unknown()),
  /** Id of the entry that says that this was exported; it is behind those that are in it. */
  recorded: z.string().optional(),
  range: z.object({
    /** Entries of the log that were looked at. */
    size: count,
    /** The first entry that was there: those before it were pruned. Absent: 0. */
    begins: count.optional(),
    first: z.object({ index: count, ts: z.string().optional() }).optional(),
    last: z.object({ index: count, ts: z.string().optional() }).optional(),
  }),
  counts: z.object({
    rows: count,
    entries: count,
    snapshots: count,
    /** Matched, and left out: no checkpoint covers them yet. */
    unsigned: count,
  }),
  /** What is known to be missing from the log itself, not from this part of it. */
  gaps: z.object({
    /** Times in which nothing could be written. */
    log_gap: z.array(
      z.object({
        index: count,
        from: z.string().optional(),
        to: z.string().optional(),
        count: count.optional(),
      }),
    ),
    log_gap_count: count,
    /** Lines of the log that are no entries. */
    malformed: count,
    /** Holes in the numbering of recorders; null when only a part of the log was looked at. */
    holes: z.array(z.object({ recorder_id: z.string(), from: count, to: count, before: count })).nullable(),
  }),
  checkpoint: z.object({ size: count, root: z.string() }),
  /** As the log names them. To be trusted is only the one that its reader has from elsewhere. */
  vkeys: z.array(z.object({ vkey: z.string(), from: count })),
  rotations: z
    .array(
      z.object({
        size: count,
        /** Base64, from the note's tree to the checkpoint's. */
        consistency: z.array(z.string()).max(LIMITS.proofHashes),
      }),
    )
    .max(LIMITS.keyRotations),
  files: z.record(z.string(), FileSchema),
});
export type BundleManifest = z.infer<typeof ManifestSchema>;

/** Throws `USAGE` for one of another version, `PROOF_INVALID` for one that is damaged. */
export function parseManifest(bytes: Uint8Array): BundleManifest {
  const value = parse(bytes);
  const parsed = ManifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version =
    typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  if (typeof version === 'number' && version > BUNDLE_VERSION)
    throw new TallyError('USAGE', `this bundle is of version ${version}, newer than this program knows`, {
      hint: 'verify it with a newer tally',
    });
  const [issue] = parsed.error.issues;
  throw new TallyError(
    'PROOF_INVALID',
    `the manifest does not parse: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}

function parse(bytes: Uint8Array): unknown {
  if (bytes.length > LIMITS.bundleManifestBytes) return undefined;
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    // Not JSON: no manifest.
    return undefined;
  }
}
