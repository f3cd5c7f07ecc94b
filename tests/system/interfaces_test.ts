import assert from "node:assert/strict";
import { Initiator } from "../../aoe/initiator/initiator.ts";
import type { FoundTarget } from "../../cli/verbs/discover.ts";
import type { PingSummary } from "../../cli/verbs/ping.ts";
import { run } from "../../setup/run.ts";
import { NetNamespace } from "../guest/net_namespace.ts";
import {
  refusalWithin,
  resultsWithin,
  runWithin,
  spawnServer,
} from "./commands.ts";
import { openLinkWithin } from "./namespace_link.ts";
import { systemTest } from "./rig.ts";

const DISK: readonly string[] = ["--target", "1.0=memory:1MiB,config=here"];

/** A wire between `near` and `far` in the namespace. */
async function addWire(
  namespace: NetNamespace,
  near: string,
  far: string,
  mtu = 9000,
): Promise<void> {
  await ip(
    namespace,
    ...["link", "add", near, "mtu", `${mtu}`, "up", "type", "veth"],
    ...["peer", "name", far, "mtu", `${mtu}`],
  );
  await ip(namespace, "link", "set", far, "up");
}

async function ip(namespace: NetNamespace, ...args: string[]): Promise<void> {
  const result = await run("ip", ["-n", namespace.name, ...args]);
  assert.ok(result.success, result.stderr);
}

/** Most sectors of a request of target 1.0, as a client on this interface is told. */
async function sectorsOn(
  namespace: NetNamespace,
  device: string,
): Promise<number> {
  const initiator = new Initiator(openLinkWithin(namespace.name, device));
  try {
    const target = await initiator.attach({ shelf: 1, slot: 0 });
    assert.equal((await target.identify()).sectorCount, 2048);
    return target.found.config.sectorCount;
  } finally {
    initiator.close();
  }
}

systemTest(
  "interfaces that fit a pattern are served when they appear, go and return",
  async () => {
    await using namespace = await NetNamespace.create();
    await using server = spawnServer(namespace, {
      args: ["--interface", "wire?", ...DISK],
    });
    await server.waitFor("no-interface");
    await server.waitFor("ready");
    await addWire(namespace, "wire0", "far0");
    await server.waitFor("link-added");
    assert.equal(await sectorsOn(namespace, "far0"), 16);

    await addWire(namespace, "wire1", "far1", 1500);
    await server.waitFor("link-added", 2);
    assert.equal(await sectorsOn(namespace, "far1"), 2);
    assert.equal(await sectorsOn(namespace, "far0"), 16);

    await ip(namespace, "link", "del", "wire0");
    await server.waitFor("link-lost");
    assert.equal(await sectorsOn(namespace, "far1"), 2);
    await addWire(namespace, "wire0", "far0", 1500);
    await server.waitFor("link-added", 3);
    assert.equal(await sectorsOn(namespace, "far0"), 2);
    assert.equal((await server.end("SIGTERM")).code, 0);
  },
);

systemTest(
  "of several named interfaces one has to be there, the others may come later",
  async () => {
    await using namespace = await NetNamespace.create();
    const names = ["--interface", "wire0", "--interface", "wire1"];
    {
      await using server = spawnServer(namespace, {
        args: [...names, ...DISK],
      });
      await assert.rejects(server.waitFor("ready"));
      const error = server.events.find(({ event }) => event === "error");
      assert.equal(error?.exitStatus, 13);
      assert.match(String(error?.message), /wire0/);
    }
    await addWire(namespace, "wire1", "far1");
    await using server = spawnServer(namespace, { args: [...names, ...DISK] });
    await server.waitFor("ready");
    const missing = server.events.find(({ event }) => event === "link-missing");
    assert.equal(missing?.interface, "wire0");
    await addWire(namespace, "wire0", "far0");
    await server.waitFor("link-added");
    assert.equal(await sectorsOn(namespace, "far0"), 16);
  },
);

systemTest(
  "discover lists what is on the segment, ping measures it",
  async () => {
    await using namespace = await NetNamespace.create();
    await addWire(namespace, "wire0", "far0");
    await using server = spawnServer(namespace, {
      args: [
        ...["--interface", "wire0", ...DISK],
        ...["--target", "7.3=memory:64MiB,ro,serial=SEVEN"],
      ],
    });
    await server.waitFor("ready", 2);
    const { mac } = openLinkOnce(namespace, "wire0");
    const found = await resultsWithin<FoundTarget>(
      namespace,
      ...["discover", "--interface", "far0"],
    );
    assert.deepEqual(
      found.map(({ target, interface: name, sizeBytes, config }) => [
        target,
        name,
        sizeBytes,
        config,
      ]),
      [
        ["1.0", "far0", 1024 * 1024, "here"],
        ["7.3", "far0", 64 * 1024 * 1024, ""],
      ],
    );
    assert.equal(found[1]?.serial, "SEVEN");
    assert.deepEqual(found[1]?.reservation, []);
    assert.equal(found[1]?.mac, mac);

    // Without an interface all are asked: here only far0 leads anywhere.
    const table = await runWithin(namespace, "discover");
    assert.match(table.stdout, /^TARGET +MAC/);
    assert.match(table.stdout, /7\.3 +[0-9a-f:]+ +far0 +64MiB/);

    const [summary] = await resultsWithin<PingSummary>(
      namespace,
      ...["ping", "7.3", "--count", "3"],
    );
    assert.equal(summary?.interface, "far0");
    assert.equal(summary.sent, 3);
    assert.equal(summary.lost, 0);
    assert.ok(summary.minMs! <= summary.medianMs!);
    assert.ok(summary.medianMs! <= summary.maxMs!);
    const silent = await runWithin(namespace, "ping", "9.9", "--json");
    assert.ok(!silent.success);
    assert.match(silent.stdout, /"no-answer"/);
    const wrong = await refusalWithin(namespace, "ping", "9.9", "--count", "0");
    assert.equal(wrong.exitStatus, 2);
  },
);

systemTest(
  "two servers with the same target on a segment are noticed",
  async () => {
    await using namespace = await NetNamespace.create();
    await addWire(namespace, "wire0", "far0");
    await using first = spawnServer(namespace, {
      args: ["--interface", "wire0", ...DISK],
    });
    await first.waitFor("ready");
    await using second = spawnServer(namespace, {
      args: ["--interface", "far0", ...DISK],
    });
    // The second one advertises its target as it starts.
    await first.waitFor("address-conflict");
    const [event] = first.events.filter(({ event }) =>
      event === "address-conflict"
    );
    assert.equal(event?.target, "1.0");
    assert.equal(event?.interface, "wire0");
    assert.equal(event?.mac, openLinkOnce(namespace, "far0").mac);
    await second.waitFor("ready");
  },
);

function openLinkOnce(
  namespace: NetNamespace,
  device: string,
): { readonly mac: string } {
  const link = openLinkWithin(namespace.name, device);
  const mac = Array.from(link.mac, (byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
  link.close();
  return { mac };
}
