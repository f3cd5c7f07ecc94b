/** What a test does with an AoE disk in the guest. */

import assert from "node:assert/strict";
import {
  type Guest,
  MOUNT_POINT_IN_GUEST,
  SHARED_FOLDER_IN_GUEST,
} from "./guest.ts";
import { SUMS_NAME, TREE_NAME } from "./sample_tree.ts";

/** How to make and to check one kind of file system. */
export interface FileSystem {
  /** Its name, as `mount -t` takes it. */
  readonly name: string;
  /** Makes one on the device that follows. */
  readonly make: string;
  /** Checks the one on the device that follows, changing nothing. */
  readonly check: string;
}

/** The file system that most Linux systems use. */
export const ext4: FileSystem = {
  name: "ext4",
  make: "mkfs.ext4 -q",
  check: "e2fsck -f -n",
};

/** The file systems of a stock Linux. */
export const FILE_SYSTEMS: readonly FileSystem[] = [
  ext4,
  { name: "xfs", make: "mkfs.xfs -q", check: "xfs_repair -n" },
  { name: "btrfs", make: "mkfs.btrfs -q", check: "btrfs check" },
];

const TREE_SOURCE = `${SHARED_FOLDER_IN_GUEST}/${TREE_NAME}`;
const TREE_COPY = `${MOUNT_POINT_IN_GUEST}/${TREE_NAME}`;
const SUMS = `${SHARED_FOLDER_IN_GUEST}/${SUMS_NAME}`;

/** The device of a target ("1.0") once the guest has found it. */
export async function waitForDisk(
  guest: Guest,
  target: string,
): Promise<string> {
  const device = `/dev/etherd/e${target}`;
  await guest.check(`until [ -b ${device} ]; do sleep 0.1; done`);
  return device;
}

/** Makes a file system of the kind and mounts it. */
export async function makeAndMount(
  guest: Guest,
  fileSystem: FileSystem,
  device: string,
): Promise<void> {
  await guest.check(`${fileSystem.make} ${device}`);
  await mount(guest, fileSystem, device);
}

/** Mounts what is on the device. */
export async function mount(
  guest: Guest,
  fileSystem: FileSystem,
  device: string,
): Promise<void> {
  await guest.check(
    `mount -t ${fileSystem.name} ${device} ${MOUNT_POINT_IN_GUEST}`,
  );
}

/** Unmounts, checks the file system, and lets the guest forget its pages. */
export async function unmountAndCheck(
  guest: Guest,
  fileSystem: FileSystem,
  device: string,
): Promise<void> {
  await guest.check(`umount ${MOUNT_POINT_IN_GUEST}`);
  await guest.check("echo 3 > /proc/sys/vm/drop_caches");
  await guest.check(`${fileSystem.check} ${device}`);
}

/** Copies the sample tree onto the mounted disk. */
export async function copySampleTree(guest: Guest): Promise<void> {
  await guest.check(`cp -a ${TREE_SOURCE} ${TREE_COPY}`);
}

/** Fails unless the mounted disk holds the sample tree, whole and unchanged. */
export async function assertSampleTree(guest: Guest): Promise<void> {
  await guest.check(`cd ${TREE_COPY} && sha256sum --quiet --check ${SUMS}`);
  // Type, mode, size of files, target of links: what the sums do not say.
  const list = "find . ! -type d -printf '%y %m %s %l %p\\n' | sort";
  assert.equal(
    await guest.check(`cd ${TREE_COPY} && ${list}`),
    await guest.check(`cd ${TREE_SOURCE} && ${list}`),
  );
}

/** Fails if the guest's kernel has complained about a disk or file system. */
export async function assertNoDiskErrors(guest: Guest): Promise<void> {
  const complaints = (await guest.kernelLog()).split("\n").filter((line) =>
    /I\/O error|EXT4-fs (error|warning)|XFS.*(corrupt|error|shutdown)|BTRFS (error|critical|warning)|aoe: .*(fail|error)/i
      .test(line)
  );
  assert.deepEqual(complaints, []);
}
