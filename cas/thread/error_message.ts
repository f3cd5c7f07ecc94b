/**
 * Errors between threads. A structured clone of an error keeps neither a custom
 * name nor a code, by which callers tell errors apart.
 *
 * @module
 */

import { ArchiveError, type ArchiveErrorCode } from "../errors.ts";

/** How deep a chain of causes is carried. */
const CAUSES_MAX = 4;

/** An error as a message. */
export interface ErrorMessage {
  /** Its name: "ArchiveError", "BlobError", "RangeError". */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Its code, if it has one. */
  readonly code?: string;
  /** Its stack in the other thread. */
  readonly stack?: string;
  /** What lay underneath. */
  readonly cause?: ErrorMessage;
}

/** Makes a message of anything thrown. */
export function toErrorMessage(
  error: unknown,
  causesMax: number = CAUSES_MAX,
): ErrorMessage {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error) };
  }
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message,
    ...(typeof code === "string" ? { code } : {}),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || causesMax === 0
      ? {}
      : { cause: toErrorMessage(cause, causesMax - 1) }),
  };
}

/** The error again: an `ArchiveError`, or an `Error` with the name and code it had. */
export function fromErrorMessage(given: ErrorMessage): Error {
  const { name, message, code, stack } = given;
  const options = given.cause === undefined
    ? {}
    : { cause: fromErrorMessage(given.cause) };
  if (name === "ArchiveError") {
    return new ArchiveError(code as ArchiveErrorCode, message, options);
  }
  const error = new Error(message, options);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}
