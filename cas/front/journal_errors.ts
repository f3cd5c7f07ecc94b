/**
 * Why a journal is not replayed. The text says what a person can do.
 *
 * @module
 */

/** What is wrong with the journal. */
export type JournalErrorCode =
  /** Bytes before its end are not what was written. */
  | "Damaged"
  /** It belongs to another archive or another state directory. */
  | "Foreign"
  /** Another server has written to a volume since. */
  | "Overtaken";

/** A journal that must not be replayed as it is. */
export class JournalError extends Error {
  /** What is wrong. */
  readonly code: JournalErrorCode;

  /** Makes an error; `message` says what was found where. */
  constructor(code: JournalErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "JournalError";
    this.code = code;
  }
}

/** What to type to go on without the journal, and what that costs. */
export function withoutJournalAdvice(location: string): string {
  return `"salvage" shows what can be kept of it, and keeps it. To serve the archived state instead, without the acknowledged writes that are only in the journal, ` +
    `stop the server, move the journal away and keep it: mv ${location} ${location}.damaged`;
}
