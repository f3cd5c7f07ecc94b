/**
 * The few AoE frames that the load generator speaks (AoEr11 sections 2 and 3).
 *
 * @module
 */

import { randomWords } from "./random_words.ts";
import type { Load, TargetAddress } from "./load_request.ts";

/** Where the sender's address stands in a frame. */
export const SOURCE_OFFSET = 6;

const ETHERTYPE_OFFSET = 12;
const FLAGS_OFFSET = 14;
const SHELF_OFFSET = 16;
const SLOT_OFFSET = 18;
const COMMAND_OFFSET = 19;
const TAG_OFFSET = 20;
const ATA_FLAGS_OFFSET = 24;
const ATA_ERROR_OFFSET = 25;
const ATA_COUNT_OFFSET = 26;
const ATA_STATUS_OFFSET = 27;
const ATA_LBA_OFFSET = 28;
const ATA_HEADER_LENGTH = 36;
const QUERY_LENGTH = 32;
const SECTOR_SIZE = 512;
const BLOCK_SIZE = 4096;
const TAG_LENGTH = 4;
const SALT_LENGTH = 8;

const ETHERTYPE_AOE = 0x88a2;
const VERSION_1 = 0x10;
const FLAG_RESPONSE = 0x08;
const FLAG_ERROR = 0x04;
const COMMAND_ATA = 0;
const COMMAND_QUERY = 1;
const ATA_LBA48 = 0x40;
const ATA_WRITE = 0x01;
const ATA_READ_EXT = 0x24;
const ATA_WRITE_EXT = 0x34;
const ATA_STATUS_FAILED = 0xa9;

/** A query of one target, to everybody, with the tag 1. */
export function encodeQuery(
  source: Uint8Array,
  target: TargetAddress,
): Uint8Array {
  const frame = new Uint8Array(QUERY_LENGTH);
  frame.fill(0xff, 0, SOURCE_OFFSET);
  encodeHeader(frame, source, target, COMMAND_QUERY);
  return frame;
}

/** Whether `frame` is the target's reply to a query. */
export function isQueryReply(
  frame: Uint8Array,
  target: TargetAddress,
): boolean {
  const view = viewOf(frame);
  return isResponse(frame) && frame[COMMAND_OFFSET] === COMMAND_QUERY &&
    view.getUint16(SHELF_OFFSET) === target.shelf &&
    frame[SLOT_OFFSET] === target.slot;
}

/**
 * A read or write without its place and tag. Writes carry bytes that compress,
 * and in each block some that no other load carries.
 */
export function encodeRequest(options: {
  readonly source: Uint8Array;
  readonly mac: Uint8Array;
  readonly target: TargetAddress;
  readonly load: Load;
  readonly slot: number;
}): Uint8Array {
  const { load, mac, slot, source, target } = options;
  const isWrite = load.kind === "write";
  const payloadLength = isWrite ? load.sectorsPerRequest * SECTOR_SIZE : 0;
  const frame = new Uint8Array(ATA_HEADER_LENGTH + payloadLength);
  frame.set(mac, 0);
  encodeHeader(frame, source, target, COMMAND_ATA);
  frame[ATA_FLAGS_OFFSET] = ATA_LBA48 | (isWrite ? ATA_WRITE : 0);
  frame[ATA_COUNT_OFFSET] = load.sectorsPerRequest;
  frame[ATA_STATUS_OFFSET] = isWrite ? ATA_WRITE_EXT : ATA_READ_EXT;
  const payload = frame.subarray(ATA_HEADER_LENGTH);
  for (let at = 0; at < payload.length; at++) {
    payload[at] = (at * 31 + (at >> 8) * 17 + slot) & 0xff;
  }
  const isRepeated = load.distinctRequests !== undefined;
  // What repeats is the same in every slot, and in every run.
  const fill = isRepeated
    ? randomWords(1)
    : (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  if (load.content === "random") fill(payload);
  for (let at = 0; at < payload.length; at += BLOCK_SIZE) {
    const block = payload.subarray(at, at + BLOCK_SIZE);
    if (load.content === "half") fill(block.subarray(0, block.length / 2));
    if (!isRepeated) fill(block.subarray(TAG_LENGTH, TAG_LENGTH + SALT_LENGTH));
  }
  return frame;
}

/**
 * Gives a request its tag and place. `content` goes into each block of a write:
 * writes with different numbers have different contents.
 */
export function stamp(
  frame: Uint8Array,
  tag: number,
  lba: number,
  content: number,
): void {
  putUint32(frame, TAG_OFFSET, tag);
  const high = Math.floor(lba / 2 ** 24);
  for (let i = 0; i < 3; i++) {
    frame[ATA_LBA_OFFSET + i] = (lba % 2 ** 24) >>> (8 * i);
    frame[ATA_LBA_OFFSET + 3 + i] = high >>> (8 * i);
  }
  for (let at = ATA_HEADER_LENGTH; at < frame.length; at += BLOCK_SIZE) {
    putUint32(frame, at, content);
  }
}

/** Whether `frame` answers somebody. */
export function isResponse(frame: Uint8Array): boolean {
  return ((frame[FLAGS_OFFSET] ?? 0) & FLAG_RESPONSE) !== 0;
}

/** The tag of a frame. */
export function tagOf(frame: Uint8Array): number {
  let tag = 0;
  for (let i = 0; i < 4; i++) tag = tag << 8 | (frame[TAG_OFFSET + i] ?? 0);
  return tag >>> 0;
}

/** What a reply says went wrong, or undefined. */
export function failureOf(frame: Uint8Array): string | undefined {
  if (((frame[FLAGS_OFFSET] ?? 0) & FLAG_ERROR) !== 0) {
    return `The server answered with AoE error ${frame[FLAGS_OFFSET + 1]}`;
  }
  const status = frame[ATA_STATUS_OFFSET] ?? 0;
  if ((status & ATA_STATUS_FAILED) === 0) return undefined;
  return `The server answered with ATA status 0x${status.toString(16)}, ` +
    `error 0x${(frame[ATA_ERROR_OFFSET] ?? 0).toString(16)}`;
}

function encodeHeader(
  frame: Uint8Array,
  source: Uint8Array,
  target: TargetAddress,
  command: number,
): void {
  const view = viewOf(frame);
  frame.set(source, SOURCE_OFFSET);
  view.setUint16(ETHERTYPE_OFFSET, ETHERTYPE_AOE);
  frame[FLAGS_OFFSET] = VERSION_1;
  view.setUint16(SHELF_OFFSET, target.shelf);
  frame[SLOT_OFFSET] = target.slot;
  frame[COMMAND_OFFSET] = command;
  view.setUint32(TAG_OFFSET, 1);
}

/** Without a view, which is memory for each request and makes the load dearer than the frames. */
function putUint32(frame: Uint8Array, offset: number, value: number): void {
  for (let i = 0; i < 4; i++) frame[offset + i] = value >>> (24 - 8 * i);
}

function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}
