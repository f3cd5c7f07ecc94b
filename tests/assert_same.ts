/** Comparing bytes. */

import assert from "node:assert/strict";

/** Fails where bytes differ, and names the first of them: not all, there may be millions. */
export function assertSame(
  found: Uint8Array,
  expected: Uint8Array,
  what: string = "bytes",
): void {
  assert.equal(found.length, expected.length, `length of ${what}`);
  const at = found.findIndex((byte, index) => byte !== expected[index]);
  if (at < 0) return;
  const sector = Math.floor(at / 512);
  assert.fail(
    `${what} differ from byte ${at} on (sector ${sector}): ${found[at]}, not ${
      expected[at]
    }`,
  );
}
