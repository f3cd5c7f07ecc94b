/**
 * What people put on a disk comes back: the file systems of a stock Linux, at
 * the usual frame size and with jumbo frames.
 */

import {
  assertNoDiskErrors,
  assertSampleTree,
  copySampleTree,
  FILE_SYSTEMS,
  makeAndMount,
  mount,
  unmountAndCheck,
  waitForDisk,
} from "./disk.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { createSampleTree } from "./sample_tree.ts";
import { startServer } from "./server.ts";

const FRAME_SIZES = [
  { mtu: 1500, frames: "frames of 1500 bytes" },
  { mtu: 9000, frames: "jumbo frames" },
];

for (const { mtu, frames } of FRAME_SIZES) {
  guestTest(
    `Linux keeps ext4, xfs and btrfs on AoE disks over ${frames}`,
    async (t) => {
      await using rig = await GuestRig.create({
        mtu,
        fillSharedFolder: createSampleTree,
      });
      const { guest, namespace, serverFolder } = rig;
      await using server = await startServer({
        namespace,
        interfaces: [TAP],
        store: `file:${serverFolder}`,
        targets: FILE_SYSTEMS.map((it, slot) => `1.${slot}=${it.name}:1GiB`),
      });
      for (const [slot, fileSystem] of FILE_SYSTEMS.entries()) {
        await t.step(fileSystem.name, () =>
          server.explain(async () => {
            const device = await waitForDisk(guest, `1.${slot}`);
            await makeAndMount(guest, fileSystem, device);
            await copySampleTree(guest);
            await unmountAndCheck(guest, fileSystem, device);
            await mount(guest, fileSystem, device);
            await assertSampleTree(guest);
            await unmountAndCheck(guest, fileSystem, device);
          }));
      }
      await assertNoDiskErrors(guest);
    },
  );
}
