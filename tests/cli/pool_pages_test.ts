/** The pool's memory is there before it is written to. */

import assert from "node:assert/strict";
import { PoolPages } from "../../cli/archive/pool_pages.ts";

const MEBIBYTE = 2 ** 20;
const MEMORY_BYTES = 96 * MEBIBYTE;
const LOOKS_MAX = 2000;

Deno.test({
  name:
    "the system gives the memory that is needed soon, and leaves what is in it",
  ignore: Deno.build.os !== "linux",
  async fn(): Promise<void> {
    const memory = new SharedArrayBuffer(MEMORY_BYTES);
    const bytes = new Uint8Array(memory);
    bytes.fill(7, 5 * MEBIBYTE, 6 * MEBIBYTE);
    const pages = PoolPages.open(memory);
    assert.ok(pages !== undefined);
    const before = Deno.memoryUsage().rss;
    // Beyond its end is nothing to be had, and nothing else's to be touched.
    pages.prepare(2 * MEMORY_BYTES);
    const least = before + MEMORY_BYTES - 32 * MEBIBYTE;
    for (let look = 0; Deno.memoryUsage().rss < least; look++) {
      assert.ok(look < LOOKS_MAX, "the process has got no memory");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await pages.close();
    const { length } = bytes.subarray(4 * MEBIBYTE, 7 * MEBIBYTE)
      .filter((byte) => byte === 7);
    assert.equal(length, MEBIBYTE);
    assert.equal(bytes[5 * MEBIBYTE], 7);
  },
});

Deno.test({
  name: "memory that is needed once nobody asks for it any more is no failure",
  ignore: Deno.build.os !== "linux",
  async fn(): Promise<void> {
    const pages = PoolPages.open(new SharedArrayBuffer(MEBIBYTE * 8));
    assert.ok(pages !== undefined);
    await pages.close();
    pages.prepare(MEBIBYTE);
    await new Promise((resolve) => setTimeout(resolve, 10));
  },
});
