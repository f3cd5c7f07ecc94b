/** The bytes of a copy of the index. */

import assert from "node:assert/strict";
import {
  decodeCopy,
  decodeSection,
  encodeBlocks,
  encodeCopy,
} from "../../cas/packs/index_copy_format.ts";
import { hasher } from "./packs_rig.ts";

const HEAD_ENTRY = 16;

Deno.test("a copy is the bytes that docs/format.md says", () => {
  const entries = {
    count: 2,
    keys: Uint8Array.from({ length: 40 }, (_, i) => i),
    offsets: Uint32Array.of(16, 16 + 4096),
    lengths: Uint16Array.of(4096, 5),
    codecs: Uint8Array.of(0, 1),
  };
  const size = 16 + 4096 + 5 + 2 * 28 + 48;
  const blocks = encodeBlocks(entries, size)!;
  assert.equal(encodeBlocks(entries, size + 1), undefined);
  // A pack of the first version has 12 bytes more for each.
  assert.deepEqual(encodeBlocks(entries, size + 2 * 12), blocks);
  const name = "ab".repeat(32);
  const bytes = encodeCopy([{ name, size, blocks }], 7, hasher.hash);
  assert.equal(bytes.length, 48 + 40 + 2 * 22);
  const view = new DataView(bytes.buffer);
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 8)), "DSINDEX1");
  assert.equal(view.getUint32(8, true), 7);
  assert.equal(view.getUint32(12, true), 1);
  assert.equal(bytes.subarray(HEAD_ENTRY, HEAD_ENTRY + 32).toHex(), name);
  assert.equal(view.getUint32(48, true), size);
  assert.equal(view.getUint32(52, true), 2);
  const head = hasher.hash(bytes.subarray(0, 56)).toHex();
  assert.equal(bytes.subarray(56, 88).toHex(), head);
  assert.equal(bytes[88 + 19], 19);
  assert.equal(view.getUint16(88 + 20, true), 4095);
  assert.equal(bytes[110], 20);
  assert.equal(view.getUint16(110 + 20, true), 4 | 1 << 12);
  const sections = decodeCopy(hasher.hash(bytes).toHex(), bytes, hasher.hash);
  assert.ok(typeof sections !== "string");
  const { offsets, lengths, codecs, unproven } = decodeSection(
    bytes,
    sections[0]!,
  );
  assert.deepEqual(
    { offsets, lengths, codecs, unproven },
    {
      offsets: entries.offsets,
      lengths: entries.lengths,
      codecs: entries.codecs,
      unproven: true,
    },
  );
});
