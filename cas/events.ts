/**
 * What the archive tells its surroundings: one object for everything worth a
 * log line. Both halves of the archive report through an `EventSink` given to
 * them from outside, and never write to a console themselves.
 *
 * @module
 */

/**
 * How bad it is: `info` is news, `expected` belongs to normal operation (a
 * store that is away for a moment), `strange` should not happen but costs
 * nothing, `corrupt` means stored bytes are wrong or missing, and `admin` needs
 * a person (a full disk, a refused permission).
 */
export type EventSeverity =
  | "info"
  | "expected"
  | "strange"
  | "corrupt"
  | "admin";

/**
 * One event. Further fields depend on `event`; all can be structured-cloned and
 * written as JSON.
 */
export interface ArchiveEvent {
  /** What happened, in kebab case: "block-damaged". */
  readonly event: string;
  /** How bad it is. */
  readonly severity: EventSeverity;
  /** The same for people: one sentence with the objects it is about. */
  readonly message: string;
  /** Details, by the kind of event. */
  readonly [field: string]: unknown;
}

/** Takes events. It must not throw and returns at once. */
export type EventSink = (event: ArchiveEvent) => void;
