/**
 * Small files of JSON in a state folder.
 *
 * @module
 */

/** What a file holds, unchecked; undefined where there is none. Rejects where it is no JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
