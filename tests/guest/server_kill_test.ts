/** Killing and restarting the server is invisible to a mounted Linux. */

import assert from "node:assert/strict";
import {
  assertNoDiskErrors,
  ext4,
  makeAndMount,
  unmountAndCheck,
  waitForDisk,
} from "./disk.ts";
import { type Guest, MOUNT_POINT_IN_GUEST } from "./guest.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { startServer } from "./server.ts";

const KILL_COUNT = 3;
/** Each server must have taken this much before it is killed. */
const WRITES_PER_LIFE = 200;

/**
 * Writes 24 MiB at random places, past the page cache, at about 1 MiB a
 * second so that it outlasts the kills, then reads it all back and verifies.
 */
const VERIFIED_WRITES = [
  "fio --name=verified --rw=randwrite --bs=4k --size=24m --rate=1m",
  `--directory=${MOUNT_POINT_IN_GUEST} --ioengine=libaio --iodepth=16`,
  "--direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1",
].join(" ");

guestTest(
  "Linux writes on through three kills of the server and finds every byte",
  async () => {
    await using rig = await GuestRig.create({ mtu: 9000 });
    const { guest } = rig;
    const options = {
      namespace: rig.namespace,
      interfaces: [TAP],
      store: `file:${rig.serverFolder}`,
      targets: ["1.0=disk:1GiB"],
    };
    await using servers = new AsyncDisposableStack();
    let server = servers.use(await startServer(options));
    const device = await waitForDisk(guest, "1.0");
    await makeAndMount(guest, ext4, device);

    const writing = guest.run(VERIFIED_WRITES, { timeoutMs: 600_000 });
    // Awaited below, unless something else fails before.
    writing.catch(() => {});
    for (let kill = 0; kill < KILL_COUNT; kill++) {
      await waitForWrites(guest, WRITES_PER_LIFE);
      await server.end("SIGKILL");
      server = servers.use(await startServer(options));
    }
    // Still writing after the last kill: all three fell into its work.
    await waitForWrites(guest, WRITES_PER_LIFE);

    const { code, stdout, stderr } = await writing;
    assert.equal(code, 0, `fio failed: ${stdout}${stderr}\n${server.log()}`);
    await unmountAndCheck(guest, ext4, device);
    await assertNoDiskErrors(guest);
  },
);

/** Waits until the guest has completed `count` more writes to the disk. */
async function waitForWrites(guest: Guest, count: number): Promise<void> {
  // Fifth field of a block device's statistics: writes completed.
  const completed = "$(awk '{print $5}' '/sys/block/etherd!e1.0/stat')";
  await guest.check(
    `goal=$((${completed} + ${count})); ` +
      `until [ ${completed} -ge $goal ]; do sleep 0.1; done`,
  );
}
