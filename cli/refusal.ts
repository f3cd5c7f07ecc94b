/**
 * What the operator asked for is well said, and stands against what is there.
 *
 * @module
 */

/** There is no such thing, it is taken already, or another process uses it. */
export type RefusalCode = "Missing" | "Taken" | "Busy";

/** A request that meets the wrong state of things; the message says what to do. */
export class Refusal extends Error {
  /** Why; crosses the control socket, and gives the exit status. */
  readonly code: RefusalCode;

  /** Makes the error. */
  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
    this.code = code;
  }
}
