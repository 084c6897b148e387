/** Whether a directory is a bundle. Apart from what verifies one, which is loaded only then. */
import { fileObjects } from '../../store/file/objects.ts';

/** Looked for in the text alone: manifests of other programs have other formats. */
const FORMAT = /"format"\s*:\s*"tallystick-bundle"/;
const HEAD_CHARS = 4_096;

export async function isBundle(directory: string): Promise<boolean> {
  const bytes = await fileObjects(directory).get('manifest.json');
  return bytes !== undefined && FORMAT.test(Buffer.from(bytes.subarray(0, HEAD_CHARS)).toString('utf8'));
}
