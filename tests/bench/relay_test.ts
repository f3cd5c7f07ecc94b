import assert from "node:assert/strict";
import { Relay } from "../../bench/relay.ts";

function listen(): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0 });
}

/** What a client is answered, up to the end of the connection. */
async function ask(endpoint: string, question: string): Promise<string> {
  using client = await Deno.connect({ port: Number(new URL(endpoint).port) });
  await client.write(new TextEncoder().encode(question));
  const bytes = new Uint8Array(100);
  const count = await client.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, count));
}

Deno.test("a relay to a service that does not listen ends the connection, and relays when it does", async () => {
  const reserved = listen();
  const { port } = reserved.addr;
  reserved.close();
  await using relay = new Relay(listen(), `http://127.0.0.1:${port}`);
  assert.equal(await ask(relay.endpoint, "one"), "");
  using service = Deno.listen({ hostname: "127.0.0.1", port });
  const served = service.accept().then(async (connection) => {
    using _ = connection;
    const bytes = new Uint8Array(100);
    const count = await connection.read(bytes) ?? 0;
    await connection.write(bytes.subarray(0, count).toReversed());
  });
  assert.equal(await ask(relay.endpoint, "one"), "eno");
  await served;
});
