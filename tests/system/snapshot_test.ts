import assert from "node:assert/strict";
import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { AtaError } from "../../aoe/initiator/errors.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { runCommand } from "../guest/server.ts";
import { assertSame } from "../assert_same.ts";
import { noise, readAll, seeded, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const DISK_BYTES: number = 8 * 1024 * 1024;
/** Beyond it others write, to keep server and wire busy. */
const ORDERED_BYTES: number = 2 * 1024 * 1024;

systemTest(
  "a snapshot made under load holds a moment of its volume, and keeps it",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const disk = `1.0=disk:${DISK_BYTES}`;
    const history: { lba: number; bytes: Uint8Array }[] = [];
    let kept: Uint8Array;
    {
      await using server = await rig.serve(store, [disk]);
      using client = await rig.attach("1.0");
      const lives = { writing: true };
      const ordered = writeInOrder(client.target, history, lives);
      const load = writeBeyond(client.target, lives);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const atLeast = history.length;
      const made = await runCommand(
        ...["snapshot", "create", "disk", "noon", "--store", store, "--json"],
      );
      const atMost = history.length + 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      lives.writing = false;
      await Promise.all([ordered, load]);
      assert.ok(made.success, made.stderr);
      await server.end("SIGTERM");

      await using _again = await rig.serve(store, [
        "1.0=disk",
        "1.1=disk@noon",
      ]);
      using snapshot = await rig.attach("1.1");
      kept = await readAll(snapshot.target, 0, ORDERED_BYTES);
      const prefix = prefixThatMakes(kept, history);
      assert.ok(
        prefix >= atLeast && prefix <= atMost,
        `the snapshot holds ${prefix} writes, not ${atLeast} to ${atMost}`,
      );
      await assert.rejects(
        snapshot.target.write(0, new Uint8Array(SECTOR_SIZE)),
        (error) => error instanceof AtaError,
      );
    }
    {
      await using server = await rig.serve(store, [
        "1.0=disk",
        "1.1=disk@noon",
      ]);
      using client = await rig.attach("1.0");
      await writeAll(client.target, 0, noise(DISK_BYTES));
      using snapshot = await rig.attach("1.1");
      assertSame(await readAll(snapshot.target, 0, ORDERED_BYTES), kept);
      await server.end("SIGKILL");
    }
    await using _server = await rig.serve(store, ["1.1=disk@noon"]);
    using snapshot = await rig.attach("1.1");
    assertSame(await readAll(snapshot.target, 0, ORDERED_BYTES), kept);
  },
);

/** One write after the other: a moment is the first so many of them. */
async function writeInOrder(
  target: RemoteTarget,
  history: { lba: number; bytes: Uint8Array }[],
  lives: { readonly writing: boolean },
): Promise<void> {
  const random = seeded(5);
  while (lives.writing) {
    const sectorCount = 1 + Math.floor(random() * 16);
    const lba = Math.floor(
      random() * (ORDERED_BYTES / SECTOR_SIZE - sectorCount),
    );
    const bytes = noise(sectorCount * SECTOR_SIZE);
    await target.write(lba, bytes);
    history.push({ lba, bytes });
  }
}

async function writeBeyond(
  target: RemoteTarget,
  lives: { readonly writing: boolean },
): Promise<void> {
  const bytes = noise(64 * SECTOR_SIZE);
  for (let i = 0; lives.writing; i++) {
    const lba = (ORDERED_BYTES + i * bytes.length % ORDERED_BYTES) /
      SECTOR_SIZE;
    await target.write(lba, bytes);
  }
}

/** How many of the first writes give exactly this content. */
function prefixThatMakes(
  content: Uint8Array,
  history: readonly { lba: number; bytes: Uint8Array }[],
): number {
  const model = new Uint8Array(content.length);
  let differing = 0;
  for (let at = 0; at < content.length; at++) {
    if (content[at] !== 0) differing++;
  }
  if (differing === 0) return 0;
  for (let count = 0; count < history.length; count++) {
    const { lba, bytes } = history[count]!;
    bytes.forEach((byte, index) => {
      const at = lba * SECTOR_SIZE + index;
      if (model[at] !== content[at]) differing--;
      model[at] = byte;
      if (model[at] !== content[at]) differing++;
    });
    if (differing === 0) return count + 1;
  }
  throw new Error(`No prefix of ${history.length} writes makes the snapshot`);
}
