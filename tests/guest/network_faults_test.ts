/** What Linux makes of a network that changes under it, or that is bad. */

import assert from "node:assert/strict";
import type { TargetDescription } from "../../cli/serving/served_targets.ts";
import { resultsWithin } from "../system/commands.ts";
import { seeded } from "../system/disk_content.ts";
import { openLinkWithin } from "../system/namespace_link.ts";
import { BadWire } from "./bad_wire.ts";
import {
  assertNoDiskErrors,
  ext4,
  makeAndMount,
  unmountAndCheck,
  waitForDisk,
} from "./disk.ts";
import { type Guest, MOUNT_POINT_IN_GUEST } from "./guest.ts";
import type { NetNamespace } from "./net_namespace.ts";
import { NetworkSwitch } from "./network_switch.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { type RunningServer, startServer } from "./server.ts";

const WIRE = "server0";
const PORT = "server0-port";
/** The switch's end of a bad wire. */
const FAR = "far0";
/** In each direction. */
const FAULTS = { lossRatio: 0.05, duplicateRatio: 0.05, delayRatio: 0.05 };
const SERVER_MAC = "02:00:00:00:05:01";

/** A file that ends the reading. */
const IO_IS_OVER = "/tmp/io-is-over";

/** Verifies each block of 4 KiB that it writes, past the page cache. */
function fio(...more: string[]): string {
  return [
    "fio --name=verified --rw=randwrite --bs=4k --ioengine=libaio",
    "--iodepth=16 --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1",
    ...more,
  ].join(" ");
}

/** Waits until the guest has completed `count` more writes to the disk. */
async function waitForWrites(guest: Guest, count: number): Promise<void> {
  // Fifth field of a block device's statistics: writes completed.
  const completed = "$(awk '{print $5}' '/sys/block/etherd!e1.0/stat')";
  await guest.check(
    `goal=$((${completed} + ${count})); ` +
      `until [ ${completed} -ge $goal ]; do sleep 0.1; done`,
  );
}

/**
 * Gives the server the time for a read that was on its way when the MTU shrank,
 * which it leaves unanswered: as an error the guest would notice it. There may
 * be none.
 */
async function allowForLostRead(
  namespace: NetNamespace,
  store: string,
): Promise<void> {
  for (let look = 0; look < 5; look++) {
    const [target] = await resultsWithin<TargetDescription>(
      namespace,
      ...["target", "list", "--store", store],
    );
    if (target!.statistics["droppedRequests"]! > 0) return;
  }
}

/** The interface goes, comes, and has other MTUs, each time while the guest writes. */
async function changeInterface(
  { guest, namespace }: GuestRig,
  network: NetworkSwitch,
  server: RunningServer,
  store: string,
): Promise<void> {
  await waitForWrites(guest, 100);
  await network.remove(WIRE);
  await server.waitFor("link-lost");
  // Another card: Linux has to learn its address.
  await network.plug(WIRE, 9000, "02:00:00:00:05:02");
  await server.waitFor("link-added", 1);
  await waitForWrites(guest, 100);

  await network.ip("set", WIRE, "mtu", "1500");
  await server.waitFor("link-added", 2);
  await allowForLostRead(namespace, store);
  await network.ip("set", WIRE, "mtu", "9000");
  await server.waitFor("link-added", 3);
  await waitForWrites(guest, 100);

  await network.ip("set", WIRE, "down");
  await network.ip("set", WIRE, "up");
  await waitForWrites(guest, 100);
}

guestTest(
  "a mounted disk outlasts an interface made anew, and I/O a network that loses, repeats and reorders",
  async (t) => {
    await using rig = await GuestRig.create({ mtu: 9000 });
    const { guest, namespace } = rig;
    const network = await NetworkSwitch.create(namespace, 9000);
    await network.connect(TAP);
    const options = {
      namespace,
      interfaces: [WIRE],
      store: `file:${rig.serverFolder}`,
      targets: ["1.0=disk:256MiB"],
    };
    await t.step("the interface is another while ext4 is mounted", async () => {
      await network.plug(WIRE, 9000, SERVER_MAC);
      await using server = await startServer(options);
      await server.explain(async () => {
        const device = await waitForDisk(guest, "1.0");
        await makeAndMount(guest, ext4, device);
        const where = `--directory=${MOUNT_POINT_IN_GUEST}`;
        const writing = guest.run(fio(where, "--size=8m --rate=1m"));
        const reading = guest.run(
          `until [ -e ${IO_IS_OVER} ]; do ` +
            `dd if=${device} of=/dev/null iflag=direct bs=64k count=16 || exit 1; ` +
            "sleep 0.05; done",
        );
        // Awaited below, unless something else fails before.
        writing.catch(() => {});
        reading.catch(() => {});
        await changeInterface(rig, network, server, options.store);
        const written = await writing;
        await guest.check(`touch ${IO_IS_OVER}`);
        for (const { code, stdout, stderr } of [written, await reading]) {
          assert.equal(code, 0, `I/O failed: ${stdout}${stderr}`);
        }
        await unmountAndCheck(guest, ext4, device);
        await assertNoDiskErrors(guest);
      });
      await network.remove(WIRE);
    });
    await t.step("the network is bad", async () => {
      await using wire = await plugBadWire(guest, network, namespace);
      await using server = await startServer(options);
      await server.explain(async () => {
        const device = await waitForDisk(guest, "1.0");
        // A file system writes some blocks again and again, and a write that is
        // repeated after a newer one is nothing that Linux could prevent: fio
        // writes each block once.
        await guest.check(fio(`--filename=${device}`, "--size=768k"));
        await assertNoDiskErrors(guest);
      });
      const { lost, duplicated, delayed } = wire.faulty.faults;
      const all = `${lost} lost, ${duplicated} repeated, ${delayed} overtaken`;
      assert.ok(Math.min(lost, duplicated, delayed) > 10, all);
    });
  },
);

/**
 * Connects the server's interface to the switch by a bad wire. Its ends take
 * what is for others as well, if they have the others' addresses.
 */
async function plugBadWire(
  guest: Guest,
  network: NetworkSwitch,
  namespace: NetNamespace,
): Promise<BadWire> {
  const guestMac = (await guest.check("cat /sys/class/net/eth0/address"))
    .trim();
  await network.addWire({
    ...{ device: WIRE, mac: SERVER_MAC, mtu: 9000 },
    ...{ peer: PORT, peerMac: guestMac },
  });
  await network.plug(FAR, 9000, SERVER_MAC);
  return new BadWire(
    openLinkWithin(namespace.name, PORT),
    openLinkWithin(namespace.name, FAR),
    { random: seeded(5), ...FAULTS },
  );
}
