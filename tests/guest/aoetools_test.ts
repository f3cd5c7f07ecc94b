/** The tools of Debian's aoetools that speak to Linux's own driver. */

import assert from "node:assert/strict";
import { AOETOOLS_REQUIREMENTS } from "../../setup/requirements.ts";
import { resultsWithin } from "../system/commands.ts";
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

const MEBIBYTE: number = 1024 * 1024;

guestTest(
  "aoe-discover finds the targets, aoe-stat shows them, and aoe-revalidate sees a mounted disk grow",
  async () => {
    await using rig = await GuestRig.create({ mtu: 9000 });
    const { guest } = rig;
    const store = `file:${rig.serverFolder}`;
    await using server = await startServer({
      namespace: rig.namespace,
      interfaces: [TAP],
      store,
      targets: ["1.0=disk:32MiB", "1.1=other:128MiB"],
    });
    await server.explain(async () => {
      const disk = await waitForDisk(guest, "1.0");
      const other = await waitForDisk(guest, "1.1");
      // It was advertised when the server started: let Linux forget it.
      await guest.check("aoe-flush -a");
      await guest.check(
        `while [ -b ${disk} -o -b ${other} ]; do sleep 0.1; done`,
      );
      await guest.check("aoe-discover");
      await waitForDisk(guest, "1.0");
      await waitForDisk(guest, "1.1");
      assert.deepEqual(await stat(guest), [
        ["e1.0", "0.033GB", "eth0", "8192", "up"],
        ["e1.1", "0.134GB", "eth0", "8192", "up"],
      ]);

      await makeAndMount(guest, ext4, disk);
      const note = `${MOUNT_POINT_IN_GUEST}/note`;
      await guest.check(`echo before > ${note}`);
      await resultsWithin(
        rig.namespace,
        ...["target", "grow", "1.0", "64MiB", "--store", store],
      );
      await guest.check("aoe-revalidate e1.0");
      const size = `$(blockdev --getsize64 ${disk})`;
      await guest.check(
        `until [ ${size} = ${64 * MEBIBYTE} ]; do sleep 0.1; done`,
      );
      assert.deepEqual((await stat(guest))[0], [
        ...["e1.0", "0.067GB", "eth0", "8192", "up"],
      ]);
      await guest.check(`resize2fs ${disk}`);
      // More than there was room for before.
      const large = `${MOUNT_POINT_IN_GUEST}/large`;
      await guest.check(
        `dd if=/dev/zero of=${large} bs=1M count=40 conv=fsync`,
      );
      assert.equal(await guest.check(`cat ${note}`), "before\n");
      await unmountAndCheck(guest, ext4, disk);
      await assertNoDiskErrors(guest);
    });
  },
  AOETOOLS_REQUIREMENTS,
);

/** The columns of what aoe-stat prints: name, size, interface, payload, state. */
async function stat(guest: Guest): Promise<string[][]> {
  const lines = (await guest.check("aoe-stat")).trimEnd().split("\n");
  return lines.map((line) => line.trim().split(/\s+/));
}
