/** FLUSH CACHE of a device that takes long over it. */

import assert from "node:assert/strict";
import { flushRequest, writeRequest } from "./frames.ts";
import { RecordingLink } from "./recording_link.ts";
import { ScriptedDevice } from "./scripted_device.ts";
import { ataOutcome, ataReply, targetFixture } from "./target_fixture.ts";
import { Port } from "../../aoe/mod.ts";

/** A device whose every flush is the test's to end. */
class SlowDevice extends ScriptedDevice {
  readonly flushes: PromiseWithResolvers<void>[] = [];

  flush(): Promise<void> {
    const flush = Promise.withResolvers<void>();
    this.flushes.push(flush);
    return flush.promise;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("a FLUSH is answered when its device has flushed, not when tickets settle", async () => {
  const device = new SlowDevice();
  const { ask, link } = targetFixture({ device });
  ask(writeRequest(0, 1, 1, { tag: 1 }));
  assert.deepEqual(ask(flushRequest({ tag: 2 })), []);
  await device.settle(true);
  assert.equal(link.take().length, 1, "the write alone is answered");
  device.flushes[0]!.resolve();
  await turn();
  assert.deepEqual(ataOutcome(link.take()), { status: 0x40, error: 0 });
});

Deno.test("a FLUSH repeated while it is under way is flushed once and answered once, by the newest way", async () => {
  const device = new SlowDevice();
  const { ask, link, target } = targetFixture({ device });
  ask(flushRequest({ tag: 7 }));
  ask(flushRequest({ tag: 7 }));
  const other = new RecordingLink(9000, new Uint8Array([2, 0, 0, 0, 0, 9]));
  const frame = flushRequest({ tag: 7 });
  target.handle(new Port(other), frame, frame.length);
  assert.equal(device.flushes.length, 1);
  ask(flushRequest({ tag: 8 }));
  assert.equal(device.flushes.length, 2);
  for (const flush of device.flushes) flush.resolve();
  await turn();
  const [viaOther, ...more] = other.take();
  assert.equal(more.length, 0);
  const { header } = ataReply(viaOther!);
  assert.deepEqual([header.tag, header.source], [7, other.mac]);
  assert.deepEqual(link.take().map((it) => ataReply(it).header.tag), [8]);
});

Deno.test("a FLUSH that fails is never answered, and the next try begins anew", async () => {
  const device = new SlowDevice();
  const { ask, link } = targetFixture({ device });
  ask(flushRequest({ tag: 3 }));
  device.flushes[0]!.reject(new Error("the store is gone"));
  await turn();
  assert.deepEqual(link.take(), []);
  ask(flushRequest({ tag: 3 }));
  device.flushes[1]!.resolve();
  await turn();
  assert.deepEqual(ataOutcome(link.take()), { status: 0x40, error: 0 });
});

Deno.test("a target that stops waits for no flush, and answers none later", async () => {
  const device = new SlowDevice();
  const { ask, link, target } = targetFixture({ device });
  ask(flushRequest({ tag: 3 }));
  await target.stop();
  device.flushes[0]!.resolve();
  await turn();
  assert.deepEqual(link.take(), []);
});
