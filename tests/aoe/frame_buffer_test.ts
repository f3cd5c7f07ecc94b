import assert from "node:assert/strict";
import { ATA_DATA_OFFSET } from "../../aoe/ata.ts";
import { frameBuffer } from "../../aoe/frame_buffer.ts";

Deno.test("the sectors in a frame buffer are aligned to words, and its length is what was asked for", () => {
  for (const length of [60, 1060, 9014]) {
    const frame = frameBuffer(length);
    assert.equal((frame.byteOffset + ATA_DATA_OFFSET) % 8, 0);
    assert.equal(frame.length, length);
  }
});
