/**
 * Frames as a capture file (the classic pcap format, microseconds, link type
 * Ethernet), for other programs to read.
 *
 * ```text
 *   file:  magic 4, version 2 + 2, zone 4, accuracy 4, snap length 4, link type 4
 *   frame: seconds 4, microseconds 4, captured length 4, length 4, bytes
 * ```
 *
 * @module
 */

const MAGIC = 0xa1b2c3d4;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
const SNAP_LENGTH = 0x10000;
const LINK_TYPE_ETHERNET = 1;
const FILE_HEADER_LENGTH = 24;
const FRAME_HEADER_LENGTH = 16;

/** The capture file of these frames. */
export function pcapFile(frames: readonly Uint8Array[]): Uint8Array {
  const length = frames.reduce(
    (sum, frame) => sum + FRAME_HEADER_LENGTH + frame.length,
    FILE_HEADER_LENGTH,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, VERSION_MAJOR);
  view.setUint16(6, VERSION_MINOR);
  view.setUint32(16, SNAP_LENGTH);
  view.setUint32(20, LINK_TYPE_ETHERNET);
  let at = FILE_HEADER_LENGTH;
  frames.forEach((frame, index) => {
    view.setUint32(at, index);
    view.setUint32(at + 8, frame.length);
    view.setUint32(at + 12, frame.length);
    bytes.set(frame, at + FRAME_HEADER_LENGTH);
    at += FRAME_HEADER_LENGTH + frame.length;
  });
  return bytes;
}
