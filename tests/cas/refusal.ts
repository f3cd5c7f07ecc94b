/** Archive operations that are refused. */

import assert from "node:assert/strict";
import { archiveErrorCode } from "../../cas/errors.ts";

/** Holds for an `ArchiveError` of a code and a message: for `assert.rejects`. */
export function refusal(
  code: string,
  message: RegExp,
): (error: unknown) => boolean {
  return (error) => {
    assert.equal(archiveErrorCode(error), code, String(error));
    assert.match((error as Error).message, message);
    return true;
  };
}

/** Holds when `work` is refused so. */
export async function refused(
  work: Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<void> {
  await assert.rejects(work, refusal(code, message));
}
