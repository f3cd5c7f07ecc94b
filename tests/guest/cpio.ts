/**
 * Writes the "newc" cpio format, the one a Linux kernel unpacks as its
 * initramfs (kernel documentation, "initramfs buffer format").
 *
 * A record is a header of 110 ASCII bytes (magic, then 13 fields of 8
 * hexadecimal digits), the name with a NUL, and the content; name and content
 * are each padded to a multiple of 4 bytes from the start of the archive.
 */

import { joinBytes } from "../../blobstores/join_bytes.ts";

const MAGIC = "070701";
const TRAILER_NAME = "TRAILER!!!";
const MODE_DIRECTORY = 0o040755;
const MODE_PROGRAM = 0o100755;

/** A folder, or a file of mode 0755, of an archive. */
export interface CpioEntry {
  /** Path without a leading slash; parents come before their children. */
  readonly path: string;
  /** Content of a file; a folder has none. Borrowed until the call returns. */
  readonly content?: Uint8Array;
}

/** The archive of `entries`, in their order. */
export function writeCpio(
  entries: readonly CpioEntry[],
): Uint8Array<ArrayBuffer> {
  const parts = entries.map((entry, index) =>
    record(
      entry.path,
      entry.content === undefined ? MODE_DIRECTORY : MODE_PROGRAM,
      index + 1,
      entry.content ?? new Uint8Array(0),
    )
  ).flat();
  parts.push(...record(TRAILER_NAME, 0, 0, new Uint8Array(0)));
  return joinBytes(parts);
}

function record(
  name: string,
  mode: number,
  inode: number,
  content: Uint8Array,
): Uint8Array[] {
  const encoded = new TextEncoder().encode(`${name}\0`);
  const fields = [
    inode,
    mode,
    0, // user
    0, // group
    1, // links
    0, // time of change
    content.length,
    0, // device, major
    0, // device, minor
    0, // special file, major
    0, // special file, minor
    encoded.length,
    0, // check sum, unused in this format
  ];
  const header = new TextEncoder().encode(
    MAGIC + fields.map((it) => it.toString(16).padStart(8, "0")).join(""),
  );
  return [
    header,
    encoded,
    padding(header.length + encoded.length),
    content,
    padding(content.length),
  ];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - length % 4) % 4);
}
