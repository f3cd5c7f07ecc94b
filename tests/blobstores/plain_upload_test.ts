import assert from "node:assert/strict";
import {
  type HttpMessage,
  readMessage,
  writeAll,
} from "../../blobstores/conformance/http_relay.ts";
import { LoopbackServer } from "../../blobstores/conformance/loopback_server.ts";
import { goesPlain } from "../../blobstores/plain_upload.ts";
import { RemoteFailure } from "../../blobstores/remote_failure.ts";
import { RemoteTransport } from "../../blobstores/remote_transport.ts";
import { assertSame } from "../assert_same.ts";

/** More than the buffers of a connection hold. */
const LONG_BYTES = 16 * 1024 * 1024;
/** No byte of a request. */
const OTHER = 0xff;
const PLAIN = "http://127.0.0.1:9000/x";

Deno.test("bodies go up as they are, over one connection, and not by fetch()", async () => {
  let connectionCount = 0;
  const seen: HttpMessage[] = [];
  await using server = new LoopbackServer(async (connection) => {
    connectionCount++;
    let message: HttpMessage | undefined;
    while ((message = await readMessage(connection, message?.rest))) {
      seen.push(message);
      await reply(connection, "200 OK");
    }
  });
  const transport = new RemoteTransport(1);
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  for (const begin of [0, 1, 4099]) {
    const body = bytes.subarray(begin, begin + 50_000);
    await transport.send({
      method: "PUT",
      url: `http://${server.host}/x`,
      headers: {},
      body,
    });
    const { head, body: arrived } = seen.at(-1)!;
    assertSame(arrived, body);
    assert.doesNotMatch(head, /^user-agent: deno/im);
  }
  transport.close();
  assert.equal(connectionCount, 1);
});

Deno.test("a refusal is told though the service reads nothing of the body", async () => {
  const { promise: told, resolve } = Promise.withResolvers<void>();
  await using server = new LoopbackServer(async (connection) => {
    await connection.read(new Uint8Array(1000));
    await reply(connection, "503 Slow Down");
    await told;
  });
  await assertFails(server, { reason: /HTTP 503/ });
  resolve();
});

Deno.test("a connection that is closed in the midst of a body is a failure to repeat", async () => {
  await using server = new LoopbackServer(async (connection) => {
    await connection.read(new Uint8Array(1000));
  });
  await assertFails(server, { reason: /connection was reset/ });
});

Deno.test("an answer of another protocol is a failure to repeat", async () => {
  await using server = new LoopbackServer(async (connection) => {
    await readMessage(connection);
    await reply(connection, "101 Other", "Upgrade: x\r\nConnection: upgrade");
    await connection.read(new Uint8Array(1));
  });
  await assertFails(server, {
    reason: /connection was reset/,
    body: new Uint8Array(9),
  });
});

Deno.test("a body that was given up is read no more and sent no further", async () => {
  const giving = new AbortController();
  const body = new Uint8Array(LONG_BYTES);
  const { promise: givenUp, resolve } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: end } = Promise.withResolvers<number>();
  await using server = new LoopbackServer(async (connection) => {
    const piece = new Uint8Array(65_536);
    await connection.read(piece.subarray(0, 1000));
    giving.abort();
    await givenUp;
    let count = 0;
    for (;;) {
      // The connection's end may be orderly or not.
      const more = await connection.read(piece).catch(() => null);
      if (more === null) break;
      count += piece.subarray(0, more).includes(OTHER) ? Infinity : more;
    }
    end(count);
  });
  await assertFails(server, { reason: /./, body, signal: giving.signal });
  body.fill(OTHER);
  resolve();
  assert.ok(await arrived < LONG_BYTES);
});

Deno.test("bodies leave TLS and proxies to fetch()", () => {
  const proxy = Deno.env.get("HTTP_PROXY");
  Deno.env.delete("HTTP_PROXY");
  try {
    assert.equal(goesPlain(PLAIN), true);
    assert.equal(goesPlain("https://127.0.0.1:9000/x"), false);
    Deno.env.set("HTTP_PROXY", "http://127.0.0.1:1");
    assert.equal(goesPlain(PLAIN), false);
  } finally {
    Deno.env.delete("HTTP_PROXY");
    if (proxy !== undefined) Deno.env.set("HTTP_PROXY", proxy);
  }
});

for (const denied of ["net", "env"] as const) {
  Deno.test({
    name: `without a permission bodies leave it to fetch(): ${denied}`,
    permissions: { net: true, env: true, [denied]: false },
    fn: () => assert.equal(goesPlain(PLAIN), false),
  });
}

async function reply(
  connection: Deno.TcpConn,
  status: string,
  headers = "Content-Length: 0",
): Promise<void> {
  const text = `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`;
  await writeAll(connection, new TextEncoder().encode(text));
}

interface Failing {
  readonly reason: RegExp;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

async function assertFails(
  server: LoopbackServer,
  { reason, body = new Uint8Array(LONG_BYTES), signal }: Failing,
): Promise<void> {
  const transport = new RemoteTransport(1);
  await assert.rejects(
    transport.send({
      method: "PUT",
      url: `http://${server.host}/x`,
      headers: {},
      body,
      signal,
    }),
    (error) => {
      assert.ok(error instanceof RemoteFailure);
      assert.deepEqual([error.code, error.retryable], ["Unavailable", true]);
      assert.match(error.message, reason);
      return true;
    },
  );
  transport.close();
}
