/** Claims in stores without a hold: a holder that lives is not taken over. */

import assert from "node:assert/strict";
import {
  BlobError,
  type Capabilities,
  type PutOptions,
} from "../../blobstores/blob_store.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { Bench, whole } from "./engine_bench.ts";

/** A store without a hold, as a bucket is. */
class Bucket extends MemoryStore {
  override readonly capabilities: Capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 8,
  };
  /** Called after a put. */
  afterPut: (key: string) => void = () => {};

  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key, body, options);
    this.afterPut(key);
  }
}

/** A server on a machine of its own. */
function server(
  space: MemorySpace,
  stateDigit: string,
): { bench: Bench; bucket: Bucket; options: { stateId: string } } {
  const bucket = new Bucket({ space, display: "s3://shelf" });
  const options = { stateId: stateDigit.repeat(32) };
  return { bench: new Bench(space, bucket), bucket, options };
}

function keysOf(space: MemorySpace, prefix: string): string[] {
  return [...space.blobs.keys()].filter((key) => key.startsWith(prefix));
}

Deno.test("a server that lives answers, and keeps the archive", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  const archive = await first.bench.open(first.options);
  const request = { volume: "disk", createBlockCount: 10 };
  const { view } = await archive.openView(request);
  for (let calls = 1; calls <= 3; calls++) {
    const second = server(space, "2");
    second.bucket.afterPut = (key) => {
      if (key.startsWith("calls/")) first.bench.clock.checkClaim();
    };
    await assert.rejects(second.bench.open(second.options), (error: Error) => {
      assert.equal(archiveErrorCode(error), "Held");
      assert.match(error.message, /s3:\/\/shelf.*host shelf, pid 4711/);
      return true;
    });
    assert.equal(second.bench.eventsOf("claim-asked").length, 1);
    assert.equal(keysOf(space, "answers/").length, calls);
  }
  assert.deepEqual(keysOf(space, "epoch/"), ["epoch/0000000000000001"]);
  await first.bench.write(archive, view, [whole(1, 1)]);
  await archive.close();
});

Deno.test("a server that does not answer for 20 s is taken over, and publishes nothing more", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  const gone = await first.bench.open(first.options);
  const request = { volume: "disk", createBlockCount: 10 };
  const { view } = await gone.openView(request);
  const second = server(space, "2");
  const startMs = second.bench.clock.timeMs;
  const archive = await second.bench.open(second.options);
  assert.equal(archive.epoch, 2);
  assert.ok(second.bench.clock.timeMs - startMs >= 20_000);
  const [event] = second.bench.eventsOf("claim-unanswered");
  assert.match(event!.message, /host shelf, pid 4711.*does not answer/);
  await assert.rejects(
    first.bench.write(gone, view, [whole(1, 1)]),
    (error) => archiveErrorCode(error) === "LostClaim",
  );
  await gone.close();
  assert.deepEqual(keysOf(space, "left/"), []);
  await archive.close();
});

Deno.test("an answer to somebody else's call, of long ago, is no sign of life", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  const gone = await first.bench.open(first.options);
  const second = server(space, "2");
  second.bucket.afterPut = (key) => {
    if (key.startsWith("calls/")) first.bench.clock.checkClaim();
  };
  await assert.rejects(
    second.bench.open(second.options),
    (error) => archiveErrorCode(error) === "Held",
  );
  const third = server(space, "3");
  const archive = await third.bench.open(third.options);
  assert.equal(archive.epoch, 2);
  assert.equal(keysOf(space, "calls/").length, 2);
  await gone.close();
  await archive.close();
});

Deno.test("nobody is asked after a server that left, nor by its own successor", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  await (await first.bench.open(first.options)).close();
  assert.deepEqual(keysOf(space, "left/"), ["left/0000000000000001"]);
  const second = server(space, "2");
  const killed = await second.bench.open(second.options);
  assert.equal(killed.epoch, 2);
  const again = server(space, "2");
  const archive = await again.bench.open(again.options);
  assert.equal(archive.epoch, 3);
  assert.deepEqual(keysOf(space, "calls/"), []);
  await killed.close();
  await archive.close();
});

Deno.test("an opening that fails leaves, so that nobody need ask after it", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  const failure = new Error("no index");
  const opening = first.bench.open({
    ...first.options,
    openBlocks: () => Promise.reject(failure),
  });
  await assert.rejects(opening, failure);
  assert.deepEqual(keysOf(space, "left/"), ["left/0000000000000001"]);
});

Deno.test("a store that does not decide create-if-absent is read and not written", async () => {
  const space = new MemorySpace();
  const first = server(space, "1");
  await (await first.bench.open(first.options)).close();
  const blobs = [...space.blobs.keys()];
  const lying = new MemoryStore({ space, display: "s3://clone" });
  Object.assign(lying, {
    capabilities: {
      createExclusive: false,
      createExclusiveFault: "the service lies. Use another",
      hold: true,
      concurrencyMax: 1,
    },
  });
  const bench = new Bench(space, lying);
  await assert.rejects(bench.open(), {
    code: "Unsupported",
    message:
      "Cannot write the archive in s3://clone: the service lies. Use another",
  });
  await (await bench.open({ access: "read" })).close();
  assert.deepEqual([...space.blobs.keys()], blobs);
});

Deno.test("a store that promises create-if-absent and overwrites is read and not written", async () => {
  class Overwrites extends MemoryStore {
    override readonly capabilities = {
      createExclusive: true,
      hold: false,
      concurrencyMax: 8,
    };
    override put(key: string, body: Uint8Array): Promise<void> {
      return super.put(key, body);
    }
  }
  /** Says no, and has done it. */
  class Pretends extends Overwrites {
    override async put(
      key: string,
      body: Uint8Array,
      options: PutOptions = {},
    ): Promise<void> {
      const isTaken = options.ifAbsent && await this.head(key) !== null;
      await super.put(key, body);
      if (isTaken) throw new BlobError("exists", { code: "AlreadyExists" });
    }
  }
  for (const Liar of [Overwrites, Pretends]) {
    const space = new MemorySpace();
    const store = new Liar({ space, display: "notes:shelf" });
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(new Bench(space, store).open(), {
        code: "Unsupported",
        message:
          /notes:shelf: the store promises create-if-absent.*--read-only.*store validate/,
      });
    }
    const reading = await new Bench(space, store).open({ access: "read" });
    await reading.close();
  }
});
