/** Opening a store that is away for a moment, and one that refuses. */

import assert from "node:assert/strict";
import { openLayeredStore } from "../../cli/archive/store_opening.ts";
import { type Script, ScriptedServer } from "../services/scripted_server.ts";

Deno.test.beforeAll(() => {
  Deno.env.set("AWS_ACCESS_KEY_ID", "SCRIPTED");
  Deno.env.set("AWS_SECRET_ACCESS_KEY", "scripted");
});
Deno.test.afterAll(() => {
  Deno.env.delete("AWS_ACCESS_KEY_ID");
  Deno.env.delete("AWS_SECRET_ACCESS_KEY");
});

/** A bucket that is there and has create-if-absent. */
const SOUND: Script = ({ method }) => ({
  status: method === "PUT" ? 412 : 200,
});

Deno.test("a store that is away for a moment is opened when it is back, and that is told", async () => {
  let failing = 2;
  await using server = new ScriptedServer((request) =>
    failing-- > 0 ? { status: 503 } : SOUND(request)
  );
  const events: string[] = [];
  const store = await openLayeredStore(
    { store: `s3://shelf?endpoint=${server.address}` },
    { onEvent: ({ event, message }) => events.push(`${event}: ${message}`) },
  );
  assert.equal(store.capabilities.createExclusive, true);
  await store.close();
  assert.equal(events.length, 2);
  assert.match(events[0]!, /^store-failed: Cannot open .*503.*trying again in/);
});

Deno.test("a store that refuses is asked once", async () => {
  let requestCount = 0;
  await using server = new ScriptedServer(() => {
    requestCount++;
    return {
      status: 403,
      body: "<Error><Code>AccessDenied</Code></Error>",
    };
  });
  await assert.rejects(
    openLayeredStore({ store: `s3://shelf?endpoint=${server.address}` }),
    { code: "PermissionDenied" },
  );
  assert.equal(requestCount, 1);
});
