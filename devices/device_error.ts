/**
 * Why a disk cannot be opened.
 *
 * @module
 */

/** What is wrong: there is none, another uses it, it has another size, or anything else. */
export type DeviceErrorCode = "Missing" | "Busy" | "SizeMismatch" | "Failed";

/** A disk that cannot be opened or changed; the message is for the operator. */
export class DeviceError extends Error {
  /** Always this. */
  override readonly name = "DeviceError";
  /** What is wrong. */
  readonly code: DeviceErrorCode;

  /** Makes the error. */
  constructor(code: DeviceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The system's words for what went wrong. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The error for a file or device that could not be opened; `action` is what was tried, such as `Cannot read X`. */
export function openingError(action: string, cause: unknown): DeviceError {
  const isMissing = cause instanceof Deno.errors.NotFound;
  return new DeviceError(
    isMissing ? "Missing" : "Failed",
    `${action}: ${wordsOf(cause)}`,
    { cause },
  );
}
