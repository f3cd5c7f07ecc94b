/** Disks of targets: what is opened is let go of, whatever fails. */

import assert from "node:assert/strict";
import type { BlockDevice } from "../../aoe/block_device.ts";
import { AoeServer } from "../../aoe/server.ts";
import type { TargetOption } from "../../cli/options/target_option.ts";
import { ServedTargets } from "../../cli/serving/served_targets.ts";
import type { DiskSources } from "../../cli/serving/target_disk.ts";
import { TargetStates } from "../../cli/serving/target_states.ts";
import { SparseMemoryDevice } from "../../devices/sparse_memory_device.ts";

const ADDRESS = { shelf: 1, slot: 0 };
/** What no target takes: adding it fails when its disk is open. */
const REFUSED = { bufferCount: 1 };

/** Volumes that are opened and let go of. */
class Volumes {
  openCount = 0;
  openedCount = 0;

  targets(sources: Partial<DiskSources> = {}): ServedTargets {
    return new ServedTargets({
      server: new AoeServer(),
      states: TargetStates.open(undefined, () => {}),
      onEvent: () => {},
      sources: {
        openVolume: () => {
          this.#opened();
          return Promise.resolve({
            device: device(),
            release: () => {
              this.openCount--;
              return Promise.resolve();
            },
          });
        },
        followVolume: () => {
          this.#opened();
          return Promise.resolve({
            disk: device(),
            stop: () => void this.openCount--,
          });
        },
        ensureClone: () => Promise.resolve(),
        growVolume: () => Promise.resolve(),
        readOnly: false,
        onEvent: () => {},
        ...sources,
      },
    });
  }

  #opened(): void {
    this.openCount++;
    this.openedCount++;
  }
}

function device(): BlockDevice {
  return new SparseMemoryDevice({
    sectorCount: 64,
    readOnly: false,
    identity: { model: "test", serial: "1", firmware: "1" },
  });
}

const DISKS: readonly [string, Partial<TargetOption>, Partial<DiskSources>][] =
  [
    ["a volume", { volume: "disk" }, {}],
    ["a snapshot", { volume: "disk", snapshot: "past" }, {}],
    ["a clone", { volume: "disk", snapshot: "past", clone: true }, {}],
    ["a clone that is kept", {
      volume: "disk",
      snapshot: "past",
      clone: "kept",
    }, {}],
    ["a volume that is only read", { volume: "disk" }, { readOnly: true }],
    ["a volume that is followed", { volume: "disk", follow: true }, {
      readOnly: true,
    }],
  ];

for (const [what, option, sources] of DISKS) {
  Deno.test(`${what} is let go of when its target cannot be added, and when it is removed`, async () => {
    const volumes = new Volumes();
    const targets = volumes.targets(sources);
    const wanted = { ...ADDRESS, ...option };
    await assert.rejects(
      targets.add({ ...wanted, ...REFUSED }, false),
      RangeError,
    );
    assert.equal(volumes.openedCount, 1);
    assert.equal(volumes.openCount, 0, "after it failed");
    await targets.add(wanted, false);
    assert.equal(volumes.openCount, 1);
    await targets.remove("1.0");
    assert.equal(volumes.openCount, 0, "after it was removed");
  });
}

Deno.test("a snapshot is let go of when there is no place for the changes of its clone", async () => {
  const volumes = new Volumes();
  const targets = volumes.targets({ scratchPath: "/dev/null/none" });
  const clone = { ...ADDRESS, volume: "disk", snapshot: "past", clone: true };
  await assert.rejects(targets.add({ ...clone, clone: true }, false));
  assert.equal(volumes.openedCount, 1);
  assert.equal(volumes.openCount, 0);
});
