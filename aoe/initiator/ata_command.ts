/**
 * An ATA command of one frame, as a value.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  type AtaArgument,
  AtaFlag,
  decodeAtaArgument,
  encodeAtaArgument,
} from "../ata.ts";
import { throwAtaError } from "./single_request.ts";

/** An ATA command of one frame. */
export interface AtaRequest {
  /** Command register. */
  readonly command: number;
  /** Feature register, 0 by default. */
  readonly feature?: number;
  /** Count register, 0 by default. */
  readonly sectorCount?: number;
  /** Address registers, 48 bits, 0 by default. */
  readonly lba?: number;
  /** Flags, 0 by default; the one for the direction is added with `data`. */
  readonly flags?: number;
  /** What is sent along, at most what a frame carries. */
  readonly data?: Uint8Array;
  /** Bytes that the answer has to bring, 0 by default. */
  readonly replyDataLength?: number;
}

/** The answer to an ATA command. */
export interface AtaReply {
  /** The registers after the command. */
  readonly argument: AtaArgument;
  /** A copy of what came along, `replyDataLength` bytes. */
  readonly data: Uint8Array;
}

/** Writes argument and data behind the header and returns the frame's length. */
export function encodeAtaRequest(
  frame: Uint8Array,
  request: AtaRequest,
): number {
  const { data, flags = 0 } = request;
  encodeAtaArgument(frame, {
    flags: data === undefined ? flags : flags | AtaFlag.Write,
    errorFeature: request.feature ?? 0,
    sectorCount: request.sectorCount ?? 0,
    commandStatus: request.command,
    lba: request.lba ?? 0,
  });
  if (data === undefined) return ATA_DATA_OFFSET;
  frame.set(data, ATA_DATA_OFFSET);
  return ATA_DATA_OFFSET + data.length;
}

/**
 * Decodes the answer to `request`.
 *
 * @throws {AtaError} when the status tells of a failure.
 * @throws {FrameFormatError} when it is too short.
 */
export function decodeAtaReply(
  reply: Uint8Array,
  length: number,
  request: AtaRequest,
  action: string,
): AtaReply {
  const replyLength = ATA_DATA_OFFSET + (request.replyDataLength ?? 0);
  throwAtaError(reply, length, replyLength, action);
  return {
    argument: decodeAtaArgument(reply, length),
    data: reply.slice(ATA_DATA_OFFSET, replyLength),
  };
}
