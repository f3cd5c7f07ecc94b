import assert from "node:assert/strict";
import { AoeServer, linkPair, Target } from "../../aoe/mod.ts";
import { readRequest, writeRequest } from "./frames.ts";
import { RawPeer } from "./raw_peer.ts";
import { ScriptedDevice } from "./scripted_device.ts";

Deno.test("an abandoned server answers nothing more, and closes without the answers that are due", async () => {
  const [near, far] = linkPair({ mtu: 9000 });
  const device = new ScriptedDevice();
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(new Target({ shelf: 1, slot: 0, device }));
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  assert.equal((await peer.ask(writeRequest(0, 1, 1, { tag: 1 }))).length, 0);
  server.abandon();
  await device.settle(true);
  assert.equal((await peer.ask(readRequest(0, 1, { tag: 2 }))).length, 0);
  await server.close();
  await running;
  far.close();
});

Deno.test("a target that is being removed when the server is abandoned is not waited for", async () => {
  const [near, far] = linkPair({ mtu: 9000 });
  const device = new ScriptedDevice();
  const target = new Target({ shelf: 1, slot: 0, device });
  const server = new AoeServer();
  server.addLink(near);
  server.addTarget(target);
  const running = server.run();
  const peer = new RawPeer(far);
  await peer.ask();
  assert.equal((await peer.ask(writeRequest(0, 1, 1, { tag: 1 }))).length, 0);
  const removed = server.removeTarget(target);
  server.abandon();
  await removed;
  await server.close();
  await running;
  far.close();
});
