/** Another machine serves what a server writes, read-only. */

import assert from "node:assert/strict";
import { AtaError } from "../../aoe/initiator/errors.ts";
import type { RunningServer } from "../guest/server.ts";
import { refusalWithin, resultsWithin } from "./commands.ts";
import { assertContent, noise, writeAll } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

const DISK_BYTES: number = 2 * 1024 * 1024;

systemTest(
  "a second server follows what the first one writes, pins what it is not to follow, and finds new snapshots",
  async () => {
    await using rig = await SystemRig.create(9000);
    await using other = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const disk = `1.0=disk:${DISK_BYTES}`;
    await using _writer = await rig.serve(store, [disk], [
      ...["--create", "--max-lag", "1"],
    ]);
    using client = await rig.attach("1.0");
    const first = noise(DISK_BYTES);
    await writeAll(client.target, 0, first);
    await resultsWithin(
      rig.namespace,
      ...["snapshot", "create", "disk", "one", "--store", store],
    );

    const state = `${other.folder}/state`;
    const here = ["--read-only", "--state", state];
    const targets = ["1.0=disk", "1.1=disk,follow=false"];
    await using reader = await other.serve(store, targets, [
      ...here,
      "--follow",
    ]);
    using followed = await other.attach("1.0");
    using pinned = await other.attach("1.1");
    await assertContent(followed.target, 0, first);
    await assertContent(pinned.target, 0, first);
    await assert.rejects(
      followed.target.write(0, first.subarray(0, 512)),
      (error) => error instanceof AtaError,
    );

    const second = noise(DISK_BYTES);
    await writeAll(client.target, 0, second);
    await resultsWithin(
      rig.namespace,
      ...["snapshot", "create", "disk", "two", "--store", store],
    );
    // Its own lag and another state may come first.
    await untilEqual(reader, () => assertContent(followed.target, 0, second));
    await assertContent(pinned.target, 0, first);
    await resultsWithin(
      other.namespace,
      ...["target", "add", "1.2=disk@two", "--state", state],
    );
    using snapshot = await other.attach("1.2");
    await assertContent(snapshot.target, 0, second);
    const [status] = await resultsWithin<{ epoch: number }>(
      other.namespace,
      ...["status", "--state", state],
    );
    assert.equal(status?.epoch, 0);
  },
);

systemTest("what a writer itself serves cannot be followed", async () => {
  await using rig = await SystemRig.create(1500);
  const store = `file:${rig.folder}/archive`;
  await using _writer = await rig.serve(store, ["1.0=memory:1MiB"]);
  const { message } = await refusalWithin(
    rig.namespace,
    ...["target", "add", "1.1=disk:1MiB,follow", "--create", "--store", store],
  );
  assert.match(message, /only with --read-only/);
});

/** Compares after each move of the followed disk, until it is the newest. */
async function untilEqual(
  reader: RunningServer,
  compare: () => Promise<void>,
): Promise<void> {
  for (let moves = 1;; moves++) {
    await reader.waitFor("volume-moved", moves);
    try {
      return await compare();
    } catch (error) {
      if (moves === 5) throw error;
    }
  }
}
