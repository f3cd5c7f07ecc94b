import assert from "node:assert/strict";
import { RemoteFailure } from "../../blobstores/remote_failure.ts";
import { RemoteTransport } from "../../blobstores/remote_transport.ts";
import {
  type ScriptedReply,
  ScriptedServer,
} from "../services/scripted_server.ts";

const SILENCES: Readonly<Record<string, ScriptedReply>> = {
  "never answers": "be silent",
  "falls silent in its answer": {
    status: 200,
    body: new Uint8Array(1000),
    bytesSent: 500,
    thenSilent: true,
  },
};

for (const [what, reply] of Object.entries(SILENCES)) {
  Deno.test(`a service that ${what} is given up`, async () => {
    await using server = new ScriptedServer(() => reply);
    const transport = new RemoteTransport(1, { silenceMaxMs: 50 });
    await assert.rejects(
      transport.send({ method: "GET", url: server.address, headers: {} }),
      (error) => {
        assert.ok(error instanceof RemoteFailure);
        assert.deepEqual([error.code, error.retryable], ["Timeout", true]);
        assert.match(error.message, /nothing came/);
        return true;
      },
    );
    transport.close();
  });
}

Deno.test("no header that a connection sets itself is sent on, and no compression is wanted", async () => {
  let seen: ReadonlyMap<string, string> = new Map();
  await using server = new ScriptedServer(({ headers }) => {
    seen = headers;
    return { status: 200 };
  });
  const transport = new RemoteTransport(1);
  const headers = { "host": "elsewhere", "content-length": "7", "x-a": "b" };
  await transport.send({
    method: "PUT",
    url: server.address,
    headers,
    body: new Uint8Array(3),
  });
  transport.close();
  assert.equal(seen.get("host"), new URL(server.address).host);
  assert.equal(seen.get("content-length"), "3");
  assert.equal(seen.get("accept-encoding"), "identity");
  assert.equal(seen.get("x-a"), "b");
});
