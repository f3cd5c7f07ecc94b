/**
 * What remote stores make of services that fail, lie or break off. All three
 * meet the same faults, and must call them the same.
 */

import assert from "node:assert/strict";
import type { BlobError, BlobErrorCode } from "../../blobstores/blob_store.ts";
import { PROBE_NAME } from "../../blobstores/remote_probe.ts";
import type {
  ScriptedReply,
  ScriptedRequest,
} from "../services/scripted_server.ts";
import {
  failureOf,
  healthy,
  type Kind,
  KINDS,
  TELLTALE,
  withStore,
} from "./remote_kinds.ts";

interface Expectation {
  readonly reply: ScriptedReply;
  readonly code: BlobErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
}

const FAILURES: Readonly<Record<string, Expectation>> = {
  "429 with a time": {
    reply: { status: 429, headers: { "retry-after": "7" }, body: TELLTALE },
    code: "RateLimited",
    retryable: true,
    retryAfterMs: 7000,
  },
  "503 with a date": {
    reply: {
      status: 503,
      headers: {
        "date": "Sun, 22 Nov 2026 11:00:00 GMT",
        "retry-after": "Sun, 22 Nov 2026 11:00:30 GMT",
      },
    },
    code: "Unavailable",
    retryable: true,
    retryAfterMs: 30_000,
  },
  "503 SlowDown": {
    reply: { status: 503, body: "<Error><Code>SlowDown</Code></Error>" },
    code: "RateLimited",
    retryable: true,
  },
  "500": { reply: { status: 500 }, code: "Unavailable", retryable: true },
  "504": { reply: { status: 504 }, code: "Timeout", retryable: true },
  "403": {
    reply: { status: 403, body: TELLTALE },
    code: "PermissionDenied",
    retryable: false,
  },
  "507": { reply: { status: 507 }, code: "NoSpace", retryable: false },
  "a redirect": {
    reply: { status: 301, headers: { location: "http://127.0.0.1:1/away" } },
    code: "InvalidConfig",
    retryable: false,
  },
  "a connection that is closed": {
    reply: "hang up",
    code: "Unavailable",
    retryable: true,
  },
};

/** Answers to a read of 50 bytes at 100. */
const READ_FAILURES: Readonly<Record<string, Expectation>> = {
  ...FAILURES,
  "a range that breaks off": {
    reply: {
      status: 206,
      headers: { "content-range": "bytes 100-149/1000" },
      body: new Uint8Array(50),
      bytesSent: 20,
    },
    code: "Unavailable",
    retryable: true,
  },
  "a body shorter than its range": {
    reply: {
      status: 206,
      headers: { "content-range": "bytes 100-149/1000" },
      body: new Uint8Array(49),
    },
    code: "Unavailable",
    retryable: true,
  },
  "another range": {
    reply: {
      status: 206,
      headers: { "content-range": "bytes 0-49/1000" },
      body: new Uint8Array(50),
    },
    code: "Unavailable",
    retryable: true,
  },
  "a range that ends before": {
    reply: {
      status: 206,
      headers: { "content-range": "bytes 100-119/120" },
      body: new Uint8Array(20),
    },
    code: "RangeNotSatisfiable",
    retryable: false,
  },
  "416": {
    reply: { status: 416 },
    code: "RangeNotSatisfiable",
    retryable: false,
  },
  "the whole blob": {
    reply: { status: 200, body: new Uint8Array(1000) },
    code: "Unsupported",
    retryable: false,
  },
};

for (const kind of KINDS) {
  for (const [what, expected] of Object.entries(READ_FAILURES)) {
    Deno.test(`${kind.name}: a get that meets ${what} fails with ${expected.code}`, async () => {
      await withStore(kind, async (store, server) => {
        server.script = () => expected.reply;
        const range = { offset: 100, length: 50 };
        expectFailure(await failureOf(store.get("blob", { range })), expected);
      });
    });
  }

  for (const [what, expected] of Object.entries(FAILURES)) {
    Deno.test(`${kind.name}: a head that meets ${what} fails with ${expected.code}`, async () => {
      await withStore(kind, async (store, server) => {
        server.script = () => expected.reply;
        // The answer to a HEAD has no body, and so no service's code.
        const code = what === "503 SlowDown" ? "Unavailable" : expected.code;
        const error = await failureOf(store.head("blob"));
        expectFailure(error, { ...expected, code });
      });
    });
  }

  Deno.test(`${kind.name}: a whole blob that breaks off is no blob`, async () => {
    await withStore(kind, async (store, server) => {
      server.script = () => ({
        status: 200,
        body: new Uint8Array(1000),
        bytesSent: 999,
      });
      const error = await failureOf(store.get("blob"));
      assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
    });
  });

  Deno.test(`${kind.name}: opening tells what the service said`, async () => {
    await withStore(kind, async (_, server) => {
      server.script = () => ({ status: 503, headers: { "retry-after": "3" } });
      const error = await failureOf(kind.open(server.address));
      assert.deepEqual([error.code, error.retryAfterMs], ["Unavailable", 3000]);
      assert.match(error.message, /Cannot open .*HTTP 503/);
      const gone = server.address;
      await server[Symbol.asyncDispose]();
      const refused = await failureOf(kind.open(gone));
      assert.deepEqual([refused.code, refused.retryable], [
        "Unavailable",
        true,
      ]);
      assert.match(refused.message, /connection refused/);
    });
  });

  Deno.test(`${kind.name}: a get that is given up is cancelled`, async () => {
    await withStore(kind, async (store, server) => {
      const giveUp = new AbortController();
      server.script = () => {
        giveUp.abort();
        return { status: 200, body: new Uint8Array(1000), bytesSent: 10 };
      };
      const { signal } = giveUp;
      const error = await failureOf(store.get("blob", { signal }));
      assert.equal(error.code, "Cancelled");
    });
  });

  if (kind.canWrite) testWriting(kind);
}

function testWriting(kind: Kind): void {
  for (const [what, expected] of Object.entries(FAILURES)) {
    Deno.test(`${kind.name}: a put that meets ${what} fails with ${expected.code}`, async () => {
      await withStore(kind, async (store, server) => {
        server.script = () => expected.reply;
        const put = store.put("blob", new Uint8Array(10), { ifAbsent: true });
        expectFailure(await failureOf(put), expected);
      });
    });
  }

  Deno.test(`${kind.name}: a put is asked for once, and its body arrives`, async () => {
    await withStore(kind, async (store, server) => {
      const requests: ScriptedRequest[] = [];
      server.script = (request) => {
        requests.push(request);
        return { status: 503 };
      };
      const body = Uint8Array.of(1, 2, 3);
      await failureOf(store.put("blob", body));
      assert.deepEqual(requests.map((it) => it.body), [body]);
      assert.equal(requests[0]!.headers.get("if-none-match"), undefined);
    });
  });

  Deno.test(`${kind.name}: a put whose answer is lost meets its own blob`, async () => {
    await withStore(kind, async (store, server) => {
      const well = server.script;
      server.script = (request) => {
        well(request);
        return "hang up";
      };
      const body = new Uint8Array(10);
      const lost = await failureOf(store.put("blob", body, { ifAbsent: true }));
      assert.deepEqual([lost.code, lost.retryable], ["Unavailable", true]);
      server.script = well;
      const again = await failureOf(
        store.put("blob", body, { ifAbsent: true }),
      );
      assert.equal(again.code, "AlreadyExists");
    });
  });

  Deno.test(`${kind.name}: two requests at one key at once may be repeated`, async () => {
    await withStore(kind, async (store, server) => {
      server.script = () => ({ status: 409 });
      const put = store.put("blob", new Uint8Array(1), { ifAbsent: true });
      const error = await failureOf(put);
      assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
    });
  });

  const LIES: Readonly<Record<string, [ScriptedReply, RegExp]>> = {
    "ignores": [{ status: 201 }, /takes no notice of create-if-absent/],
    "refuses": [
      { status: 501, body: "<Error><Code>NotImplemented</Code></Error>" },
      /refuses create-if-absent.*HTTP 501 NotImplemented/,
    ],
    "forbids": [{ status: 403 }, /may not write here/],
  };
  for (const [what, [reply, message]] of Object.entries(LIES)) {
    Deno.test(`${kind.name}: a service that ${what} create-if-absent is noticed at open`, async () => {
      await withStore(kind, async (_, server) => {
        const well = healthy(kind);
        server.script = (request) =>
          request.method === "PUT" ? reply : well(request);
        const store = await kind.open(server.address);
        try {
          assert.equal(store.capabilities.createExclusive, false);
          const put = store.put("format", new Uint8Array(1), {
            ifAbsent: true,
          });
          const error = await failureOf(put);
          assert.equal(error.code, "Unsupported");
          assert.match(error.message, message);
        } finally {
          await store.close();
        }
      });
    });
  }

  Deno.test(`${kind.name}: finding out leaves one object, of no blob's name`, async () => {
    await withStore(kind, async (_, server) => {
      const names: string[] = [];
      const well = healthy(kind);
      server.script = (request) => {
        if (request.method === "PUT") names.push(request.target);
        return well(request);
      };
      for (const puts of [2, 1, 1]) {
        names.length = 0;
        await (await kind.open(server.address)).close();
        assert.equal(names.length, puts);
        for (const name of names) assert.ok(name.includes(PROBE_NAME), name);
      }
    });
  });
}

function expectFailure(error: BlobError, expected: Expectation): void {
  const { code, retryable, retryAfterMs } = error;
  assert.deepEqual(
    { code, retryable, retryAfterMs },
    {
      code: expected.code,
      retryable: expected.retryable,
      retryAfterMs: expected.retryAfterMs,
    },
    error.message,
  );
}

Deno.test({
  name: "a permission that Deno was not given is named",
  permissions: { net: true, env: false, sys: true },
  async fn(): Promise<void> {
    for (const { open, canWrite } of KINDS) {
      if (!canWrite) continue;
      const error = await open("http://127.0.0.1:9000").then(
        () => assert.fail("the store opened"),
        (error: BlobError) => error,
      );
      assert.equal(error.code, "PermissionDenied");
      assert.match(error.message, /Requires env access.*--allow-env/);
    }
  },
});

Deno.test({
  name: "azure: without the system's release no process ends",
  permissions: { net: true, env: true },
  async fn(): Promise<void> {
    await assert.rejects(KINDS[1]!.open("http://127.0.0.1:9000"), {
      code: "PermissionDenied",
      message: /--allow-sys/,
    });
  },
});

Deno.test({
  name: "a host that Deno may not reach is named",
  permissions: { net: false, env: true },
  async fn(): Promise<void> {
    await assert.rejects(KINDS[2]!.open("http://127.0.0.1:9000"), {
      code: "PermissionDenied",
      message: /Requires net access.*--allow-net/,
    });
  },
});

Deno.test("a port that is never connected to is named", async () => {
  await assert.rejects(KINDS[2]!.open("http://127.0.0.1:6667"), {
    code: "InvalidConfig",
    message: /a port that belongs to another protocol/,
  });
});
