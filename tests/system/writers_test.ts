/** Two servers that want to write one archive, as processes of their own. */

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { callControl } from "../../cli/serving/control.ts";
import type { ServerStatus } from "../../cli/serving/server_status.ts";
import { CEPH_REQUIREMENTS } from "../../setup/requirements.ts";
import { startAzurite } from "../services/azurite.ts";
import { startCeph } from "../../setup/services/ceph.ts";
import { GatewayProxy } from "../services/gateway_proxy.ts";
import { assertContent, noise, writeAll } from "./disk_content.ts";
import { spawnServer } from "./commands.ts";
import { SystemRig, systemTest } from "./rig.ts";

const DISK_BYTES: number = 4 * 1024 * 1024;
const DISK = `1.0=disk:${DISK_BYTES}`;
/** A server that was refused: another one holds the archive. */
const HELD = 11;

systemTest(
  "a file: archive stays with the server that is stopped, until it ends",
  async () => {
    await using rig = await SystemRig.create(9000);
    await using other = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const bytes = noise(DISK_BYTES);
    const args = ["--create", "--state", `${rig.folder}/one`];
    await using first = await rig.serve(store, [DISK], args);
    using client = await rig.attach("1.0");
    await writeAll(client.target, 0, bytes);
    Deno.kill(first.pid, "SIGSTOP");
    await using refused = spawnSecond(other, store, `${rig.folder}/two`);
    assert.equal((await refused.ended()).code, HELD);
    Deno.kill(first.pid, "SIGCONT");
    const sector = noise(SECTOR_SIZE);
    await client.target.write(0, sector);
    bytes.set(sector);
    await assertContent(client.target, 0, bytes);
    await first.end("SIGKILL");
    // What was acknowledged lies in the first one's journal: it comes first.
    await (await rig.serve(store, ["1.0=disk"], args.slice(1))).end("SIGTERM");
    await using _second = await other.serve(store, ["1.0=disk"], [
      ...["--state", `${rig.folder}/two`],
    ]);
    using reader = await other.attach("1.0");
    await assertContent(reader.target, 0, bytes);
  },
);

systemTest(
  "a server in s3: or azure: that slept through a takeover acknowledges and damages nothing",
  async () => {
    await using ceph = await startCeph();
    await using azurite = await startAzurite();
    const secrets = {
      AWS_ACCESS_KEY_ID: ceph.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
      AZURE_STORAGE_KEY: azurite.accountKey,
    };
    for (const [name, value] of Object.entries(secrets)) {
      Deno.env.set(name, value);
    }
    try {
      const { account } = azurite;
      const azure = new URL(azurite.endpoint);
      const results = await Promise.allSettled([
        sleepThroughTakeover(
          ceph.endpoint,
          (endpoint) => `s3://shelf/two?endpoint=${endpoint}`,
        ),
        sleepThroughTakeover(
          azure.origin,
          (endpoint) =>
            `azure://${account}/shelf/two?endpoint=${endpoint}${azure.pathname}`,
          "told to stop",
        ),
      ]);
      for (const result of results) {
        if (result.status === "rejected") throw result.reason;
      }
    } finally {
      for (const name of Object.keys(secrets)) Deno.env.delete(name);
    }
  },
  CEPH_REQUIREMENTS,
);

async function sleepThroughTakeover(
  endpoint: string,
  storeAt: (endpoint: string) => string,
  awake: "left alone" | "told to stop" = "left alone",
): Promise<void> {
  await using rig = await SystemRig.create(9000);
  await using other = await SystemRig.create(9000);
  await using proxy = proxyFor(rig, endpoint);
  await using otherProxy = proxyFor(other, endpoint);
  const store = storeAt(proxy.endpoint);
  const otherStore = storeAt(otherProxy.endpoint);
  const state = `${rig.folder}/state`;
  const args = ["--state", state, "--max-lag", "2"];
  await using first = await rig.serve(store, [DISK], ["--create", ...args]);
  using client = await rig.attach("1.0");
  const bytes = noise(DISK_BYTES);
  await writeAll(client.target, 0, bytes);
  await uploaded(state);

  // A living one is not taken over.
  const second = { state: `${other.folder}/state` };
  {
    await using refused = spawnSecond(other, otherStore, second.state);
    assert.equal((await refused.ended()).code, HELD);
  }
  Deno.kill(first.pid, "SIGSTOP");
  let isAnswered = false;
  function answered(): void {
    isAnswered = true;
  }
  client.target.write(0, noise(SECTOR_SIZE)).then(answered, () => {});
  client.target.read({ lba: 8, sectorCount: 1 }).then(answered, () => {});
  await using taker = await other.serve(otherStore, ["1.0=disk"], [
    ...["--state", second.state, "--max-lag", "2"],
  ]);
  using reader = await other.attach("1.0");
  await assertContent(reader.target, 0, bytes);
  const sector = noise(SECTOR_SIZE);
  await reader.target.write(8, sector);
  bytes.set(sector, 8 * SECTOR_SIZE);
  await uploaded(second.state);

  // The write and the read of before, repeated since, meet a server that has
  // slept, and that learns only later what has become of its archive.
  proxy.delayMs = 3000;
  Deno.kill(first.pid, "SIGCONT");
  if (awake === "told to stop") {
    while (!first.log().includes("standstill")) await delay(50);
    Deno.kill(first.pid, "SIGTERM");
  }
  const { code } = await first.ended();
  assert.equal(code, awake === "told to stop" ? 0 : HELD, first.log());
  assert.match(first.log(), /archive-lost/);
  proxy.delayMs = 0;
  assert.equal(isAnswered, false);
  await assertContent(reader.target, 0, bytes);
  await taker.end("SIGTERM");
  // Nor does its journal come into what the other one has written.
  await using again = spawnSecond(rig, store, state);
  assert.notEqual((await again.ended()).code, 0);
  await using _last = await other.serve(otherStore, ["1.0=disk"], [
    "--read-only",
  ]);
  using last = await other.attach("1.0");
  await assertContent(last.target, 0, bytes);
}

function proxyFor(rig: SystemRig, endpoint: string): GatewayProxy {
  return new GatewayProxy({ endpoint, namespace: rig.namespace.name });
}

/** Starts a server that may not come up. */
function spawnSecond(
  rig: SystemRig,
  store: string,
  state: string,
): ReturnType<typeof spawnServer> {
  return spawnServer(rig.namespace, {
    args: [
      ...["--interface", "server0", "--target", "1.0=disk"],
      ...["--store", store, "--state", state],
    ],
  });
}

/** Waits until the store has all that was acknowledged. */
async function uploaded(state: string): Promise<void> {
  for (;;) {
    const answer = await callControl(`${state}/control.sock`, {
      verb: "status",
    });
    const status = answer?.result as ServerStatus;
    if (status.unarchivedBytes === 0) return;
    await delay(100);
  }
}
