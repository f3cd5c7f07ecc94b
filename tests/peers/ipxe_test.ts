/** iPXE boots from targets, over nothing but AoE. */

import assert from "node:assert/strict";
import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { IPXE_REQUIREMENTS } from "../../setup/requirements.ts";
import { resultsWithin } from "../system/commands.ts";
import { readAll, writeAll } from "../system/disk_content.ts";
import { SystemRig, systemTest } from "../system/rig.ts";
import { bootSector, REFUSED, UNREADABLE, WRITTEN } from "./boot_sector.ts";
import { bootFromTarget } from "./ipxe.ts";

const TAP = "tap0";
/** Past the 2^28 sectors that commands without the EXT bit reach. */
const TEXT_LBA = 2 ** 28 + 1;
const COPY_LBA = 2 ** 28 + 9;
const EMPTY: Uint8Array = new Uint8Array(SECTOR_SIZE);

systemTest(
  "iPXE boots from a volume, from a snapshot that stays as it is, and from a writable clone of it",
  async () => {
    await using rig = await SystemRig.create(1500);
    await rig.namespace.addTap(TAP, 1500);
    const store = `file:${rig.folder}/archive`;
    await using server = await rig.serve(store, ["1.0=disk:256GiB"], [
      ...["--create", "--interface", TAP],
    ]);
    using volume = await rig.attach("1.0");
    await writeAll(
      volume.target,
      0,
      bootSector({ readLba: TEXT_LBA, writeLba: COPY_LBA }),
    );
    const frozen = textSector("Booted from the snapshot");
    await writeAll(volume.target, TEXT_LBA, frozen);
    await resultsWithin(
      rig.namespace,
      ...["snapshot", "create", "disk", "golden", "--store", store],
    );
    const newest = textSector("Booted from the volume");
    await writeAll(volume.target, TEXT_LBA, newest);
    for (const target of ["1.1=disk@golden", "1.2=disk@golden,clone"]) {
      await resultsWithin(
        rig.namespace,
        ...["target", "add", target, "--store", store],
      );
    }
    const boot = (target: string): Promise<string[]> =>
      server.explain(() =>
        bootFromTarget({
          namespace: rig.namespace,
          tap: TAP,
          target,
          lastLines: [WRITTEN, REFUSED, UNREADABLE],
        })
      );

    assertEnds(await boot("1.0"), "Booted from the volume", WRITTEN);
    assert.deepEqual(
      await readAll(volume.target, COPY_LBA, SECTOR_SIZE),
      newest,
    );

    assertEnds(await boot("1.1"), "Booted from the snapshot", REFUSED);
    using snapshot = await rig.attach("1.1");
    assert.deepEqual(
      await readAll(snapshot.target, COPY_LBA, SECTOR_SIZE),
      EMPTY,
    );

    assertEnds(await boot("1.2"), "Booted from the snapshot", WRITTEN);
    using clone = await rig.attach("1.2");
    assert.deepEqual(
      await readAll(clone.target, COPY_LBA, SECTOR_SIZE),
      frozen,
    );
    assert.deepEqual(
      await readAll(snapshot.target, COPY_LBA, SECTOR_SIZE),
      EMPTY,
    );
    const { code } = await server.end("SIGTERM");
    assert.equal(code, 0, server.log());
  },
  IPXE_REQUIREMENTS,
);

/** A sector with a line of text that the boot sector prints. */
function textSector(line: string): Uint8Array {
  const sector = new Uint8Array(SECTOR_SIZE);
  new TextEncoder().encodeInto(`${line}\r\n\0`, sector);
  return sector;
}

/** Fails unless a console shows the text and then, at its end, the outcome. */
function assertEnds(lines: string[], text: string, outcome: string): void {
  const printed = lines.join("\n");
  // The BIOS holds back the end of a line of its own, and prints it between.
  assert.ok(lines.some((line) => line.endsWith(text)), printed);
  assert.ok(printed.endsWith(outcome), printed);
}
