/**
 * What can become of a request, by what the caller can do about it.
 *
 * @module
 */

import { AtaErrorBit } from "../ata.ts";
import { AoeErrorCode } from "../header.ts";
import { MaskError } from "../mac_mask.ts";

/** The device carried the command out and failed, or refused it. */
export class AtaError extends Error {
  /** Always "AtaError". */
  override readonly name = "AtaError";
  /** Status register. */
  readonly status: number;
  /** Error register. */
  readonly errorBits: number;

  /** `action` says what was tried, on what. */
  constructor(action: string, status: number, errorBits: number) {
    super(
      `Cannot ${action}: ATA status 0x${status.toString(16)}, error 0x${
        errorBits.toString(16)
      }${nameOf(AtaErrorBit, errorBits)}`,
    );
    this.status = status;
    this.errorBits = errorBits;
  }
}

/** The target answered with an AoE error. */
export class AoeError extends Error {
  /** Always "AoeError". */
  override readonly name = "AoeError";
  /** Error code, see `AoeErrorCode`. */
  readonly code: number;

  /** `action` says what was tried, on what. */
  constructor(action: string, code: number) {
    super(`Cannot ${action}: AoE error ${code}${nameOf(AoeErrorCode, code)}`);
    this.code = code;
  }
}

/** A directive of a change to the MAC mask failed. */
export class MaskEditError extends Error {
  /** Always "MaskEditError". */
  override readonly name = "MaskEditError";
  /** Error code, see `MaskError`. */
  readonly code: number;
  /** Which directive it was, counted from 0. */
  readonly index: number;

  /** `action` says what was tried, on what. */
  constructor(action: string, code: number, index: number) {
    super(
      `Cannot ${action}: directive ${index} failed with error ${code}${
        nameOf(MaskError, code)
      }`,
    );
    this.code = code;
    this.index = index;
  }
}

/**
 * Nobody answered before the deadline. A write may or may not have been
 * carried out, and may even be carried out later.
 */
export class TimeoutError extends Error {
  /** Always "TimeoutError". */
  override readonly name = "TimeoutError";

  /** `action` says what was tried, on what. */
  constructor(action: string, deadlineMs: number) {
    super(
      `Cannot ${action}: no answer within ${deadlineMs} ms, check that the target is up and on the same network segment`,
    );
  }
}

/** The link was closed while requests were outstanding. */
export class LinkClosedError extends Error {
  /** Always "LinkClosedError". */
  override readonly name = "LinkClosedError";

  /** `action` says what was tried, on what. */
  constructor(action: string, linkName: string) {
    super(`Cannot ${action}: link ${linkName} is closed`);
  }
}

function nameOf(table: Readonly<Record<string, number>>, code: number): string {
  const entry = Object.entries(table).find(([, value]) => value === code);
  return entry === undefined ? "" : ` (${entry[0]})`;
}
