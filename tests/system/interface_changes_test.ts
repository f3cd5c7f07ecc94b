import assert from "node:assert/strict";
import { Initiator } from "../../aoe/initiator/initiator.ts";
import { NetNamespace } from "../guest/net_namespace.ts";
import { NetworkSwitch } from "../guest/network_switch.ts";
import type { RunningServer } from "../guest/server.ts";
import { spawnServer } from "./commands.ts";
import { seeded } from "./disk_content.ts";
import { openLinkWithin } from "./namespace_link.ts";
import { playRandomIo } from "./random_io.ts";
import { systemTest } from "./rig.ts";

const WIRE = "server0";
const MAC = "02:00:00:00:05:01";
const OTHER_MAC = "02:00:00:00:05:02";
const ADDRESS = { shelf: 1, slot: 0 };

/** What a client is told of target 1.0: sectors of a request, and from where. */
async function told(
  namespace: NetNamespace,
  device: string,
): Promise<{ sectors: number; mac: string }> {
  const initiator = new Initiator(openLinkWithin(namespace.name, device));
  try {
    const { found } = await initiator.attach(ADDRESS);
    const mac = Array.from(
      found.mac,
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join(":");
    return { sectors: found.config.sectorCount, mac };
  } finally {
    initiator.close();
  }
}

/** Waits until the server has opened its interface `count` times anew. */
function opened(server: RunningServer, count: number): Promise<void> {
  return server.waitFor("link-added", count);
}

systemTest(
  "I/O outlasts an interface that is removed, made anew, down, or of another MTU",
  async () => {
    await using namespace = await NetNamespace.create();
    const network = await NetworkSwitch.create(namespace, 9000);
    await network.plug(WIRE, 9000, MAC);
    await using server = spawnServer(namespace, {
      args: ["--interface", WIRE, "--target", "1.0=memory:8MiB"],
    });
    await server.waitFor("ready");
    const initiator = new Initiator(
      openLinkWithin(namespace.name, network.device),
      { deadlineMs: 60_000 },
    );
    using _closing = { [Symbol.dispose]: () => initiator.close() };
    const target = await initiator.attach(ADDRESS);
    let runs = 0;
    let isOver = false;
    const playing = playRandomIo({
      target,
      sectorCount: 4096,
      random: seeded(5),
      goesOn: () => !isOver,
      onRun: () => void runs++,
    });
    // Awaited below, unless something else fails before.
    playing.catch(() => {});
    const goneOn = async (): Promise<void> => {
      const goal = runs + 50;
      while (runs < goal) {
        const pause = new Promise((resolve) => setTimeout(resolve, 10));
        await Promise.race([pause, playing]);
      }
    };
    await goneOn();

    await network.remove(WIRE);
    await server.waitFor("link-lost");
    await network.plug(WIRE, 9000, MAC);
    await opened(server, 1);
    await goneOn();

    // At once: between two looks of the server.
    await network.remove(WIRE);
    await network.plug(WIRE, 9000, MAC);
    await opened(server, 2);
    await goneOn();

    await network.ip("set", WIRE, "mtu", "1500");
    await opened(server, 3);
    assert.equal((await told(namespace, network.device)).sectors, 2);
    await network.ip("set", WIRE, "mtu", "9000");
    await opened(server, 4);
    assert.equal((await told(namespace, network.device)).sectors, 16);
    await goneOn();

    // It is counted: in the one before it may have been noticed at once.
    const losses = server.events.filter(({ event }) => event === "link-lost");
    await network.ip("set", WIRE, "down");
    await server.waitFor("link-lost", losses.length + 1);
    await network.ip("set", WIRE, "up");
    await opened(server, 5);
    await goneOn();

    isOver = true;
    assert.ok(await playing >= 250);
    assert.equal(initiator.exchange.statistics.timeouts, 0);

    await network.ip("set", WIRE, "address", OTHER_MAC);
    await opened(server, 6);
    assert.equal((await told(namespace, network.device)).mac, OTHER_MAC);
  },
);
