/**
 * What the operator typed cannot be done as typed.
 *
 * @module
 */

/** A wrong command line or configuration; the message says how to mend it. */
export class UsageError extends Error {
  /** Always this; tells it apart at the other end of the control socket. */
  readonly code = "Usage";

  /** Makes the error. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
