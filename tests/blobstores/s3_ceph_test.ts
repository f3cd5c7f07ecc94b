/** `s3:` stores against Ceph's S3 gateway. */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import {
  testBlobStore,
  testBlobStoreFaults,
} from "../../blobstores/conformance.ts";
import plugin from "../../blobstores/s3_plugin.ts";
import { CEPH_REQUIREMENTS } from "../../setup/requirements.ts";
import {
  CEPH_SECRET,
  type CephGateway,
  startCeph,
} from "../../setup/services/ceph.ts";
import {
  assertHolds,
  GENERATIONS,
  Model,
  READ_BLOCKS,
  Server,
  testArchiveIn,
} from "../services/archive_tests.ts";
import { serviceTests } from "../services/service_tests.ts";

const { possible, test } = serviceTests("Ceph", CEPH_REQUIREMENTS);
let ceph: CephGateway | undefined;
let places = 0;

if (possible) {
  Deno.test.beforeAll(async () => {
    ceph = await startCeph();
    Deno.env.set("AWS_ACCESS_KEY_ID", ceph.accessKeyId);
    Deno.env.set("AWS_SECRET_ACCESS_KEY", ceph.secretAccessKey);
  });
  Deno.test.afterAll(async () => {
    Deno.env.delete("AWS_ACCESS_KEY_ID");
    Deno.env.delete("AWS_SECRET_ACCESS_KEY");
    await ceph?.[Symbol.asyncDispose]();
  });
}

function newUrl(): string {
  return `s3://shelf/place-${++places}?endpoint=${ceph?.endpoint}`;
}

testBlobStore("s3 on Ceph", () => {
  const url = newUrl();
  return Promise.resolve({
    open: () => plugin.open(url, { create: true }, {}),
  });
}, { register: test, secrets: [CEPH_SECRET] });

testBlobStoreFaults("s3 on Ceph", () => {
  const bucket = "shelf/faults";
  return {
    upstream: new URL(ceph!.endpoint).host,
    open: (host) =>
      plugin.open(
        `s3://${bucket}?endpoint=http://${host}`,
        { create: true },
        {},
      ),
  };
}, { register: test });

testArchiveIn("s3 on Ceph", {
  register: test,
  newPlace: () => {
    const url = newUrl();
    return () => plugin.open(url, { create: true }, {});
  },
});

test("s3 on Ceph: an outage of the gateway is ridden out", async () => {
  await using gateway = await ceph!.startAnother();
  const url = `s3://shelf/outage?endpoint=${gateway.endpoint}`;
  const open = (): Promise<BlobStore> => plugin.open(url, { create: true }, {});
  const model = new Model();
  {
    await using server = await Server.open(open);
    const view = await server.openDisk();
    const { bench, archive } = server;
    for (const writes of GENERATIONS) {
      await gateway.stop();
      const written = bench.write(archive, view, writes);
      while (bench.eventsOf("store-failed").length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await gateway.start();
      await written;
      model.write(writes);
      assert.notEqual(bench.eventsOf("store-recovered").length, 0);
      bench.events.length = 0;
    }
  }
  await using server = await Server.open(open);
  const view = await server.openDisk();
  const { bench, archive } = server;
  await assertHolds(bench, archive, { view, model, blocks: READ_BLOCKS });
});

test("s3 on Ceph: a bucket is made only when that is asked for", async () => {
  const url = `s3://another-shelf?endpoint=${ceph?.endpoint}`;
  await assert.rejects(plugin.open(url, { create: false }, {}), {
    code: "NotFound",
    message: /there is no bucket "another-shelf".*--create/,
  });
  await (await plugin.open(url, { create: true }, {})).close();
  await (await plugin.open(url, { create: false }, {})).close();
});

test("s3 on Ceph: a wrong secret is refused and shown nowhere", async () => {
  const right = Deno.env.get("AWS_SECRET_ACCESS_KEY")!;
  const planted = "planted-secret-0123456789";
  Deno.env.set("AWS_SECRET_ACCESS_KEY", planted);
  try {
    await assert.rejects(
      plugin.open(newUrl(), { create: true }, {}),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "PermissionDenied");
        assert.match(error.message, /SignatureDoesNotMatch/);
        const shown = Deno.inspect(error, { depth: 20, showHidden: true });
        assert.ok(!shown.includes(planted), "the secret is in the error");
        assert.ok(!/Signature=/.test(shown), "a signature is in the error");
        return true;
      },
    );
  } finally {
    Deno.env.set("AWS_SECRET_ACCESS_KEY", right);
  }
});
