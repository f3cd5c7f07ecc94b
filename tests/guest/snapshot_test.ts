/** A snapshot is a disk that cannot be written, also to a stock Linux. */

import assert from "node:assert/strict";
import { ext4, makeAndMount, mount, waitForDisk } from "./disk.ts";
import { type Guest, MOUNT_POINT_IN_GUEST } from "./guest.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { runCommand, startServer } from "./server.ts";

/** Far less than the 180 s after which Linux gives up on a silent target. */
const AT_ONCE_TIMEOUT_MS = 60_000;

const NOTE = `${MOUNT_POINT_IN_GUEST}/note`;

guestTest(
  "Linux gets EIO at once for a write to a snapshot, which stays as it was",
  async () => {
    await using rig = await GuestRig.create({ mtu: 9000 });
    const { guest } = rig;
    const store = `file:${rig.serverFolder}`;
    const options = { namespace: rig.namespace, interfaces: [TAP], store };
    await using servers = new AsyncDisposableStack();

    const first = servers.use(
      await startServer({ ...options, targets: ["1.0=disk:32MiB"] }),
    );
    const disk = await waitForDisk(guest, "1.0");
    await makeAndMount(guest, ext4, disk);
    await guest.check(`echo before > ${NOTE} && umount ${disk}`);
    const created = await runCommand(
      ...["snapshot", "create", "disk", "monday", "--store", store],
    );
    assert(created.success, created.stderr);
    const before = await checksum(guest, disk);
    const { code } = await first.end("SIGTERM");
    assert.equal(code, 0, first.log());

    const second = servers.use(
      await startServer({
        ...options,
        targets: ["1.0=disk", "1.1=disk@monday"],
      }),
    );
    const snapshot = await waitForDisk(guest, "1.1");
    assert.equal(await checksum(guest, snapshot), before);

    const write = await guest.run(
      `dd if=/dev/zero of=${snapshot} bs=4096 count=1 oflag=direct`,
      { timeoutMs: AT_ONCE_TIMEOUT_MS },
    );
    assert.notEqual(write.code, 0, second.log());
    assert.match(write.stderr, /Input\/output error/);

    await mount(guest, ext4, disk);
    await guest.check(`echo after > ${NOTE} && umount ${disk}`);
    assert.notEqual(await checksum(guest, disk), before);
    assert.equal(await checksum(guest, snapshot), before);
    await guest.check(
      `mount -t ext4 -o ro,noload ${snapshot} ${MOUNT_POINT_IN_GUEST}`,
    );
    assert.equal(await guest.check(`cat ${NOTE}`), "before\n");
  },
);

/** The checksum of a whole disk, read from the server. */
async function checksum(guest: Guest, device: string): Promise<string> {
  await guest.check("echo 3 > /proc/sys/vm/drop_caches");
  return (await guest.check(`sha256sum < ${device}`)).trim();
}
