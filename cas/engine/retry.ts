/**
 * A blob store that is away is waited for; one that refuses is reported to a
 * person and tried again. Nothing acknowledged is given up because of a store.
 *
 * This is the one place where an archive's operations are repeated: a retry
 * layer of the store (blobstores/layers/retry.ts) would multiply the attempts.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import {
  backoffMs,
  isAnswer,
  isTemporary,
} from "../../blobstores/layers/backoff.ts";
import { ArchiveError } from "../errors.ts";
import type { EventSeverity, EventSink } from "../events.ts";
import type { EngineClock } from "./clock.ts";
import { StoreRoom } from "./store_room.ts";

/** What a `Retry` works with. */
export interface RetryOptions {
  /** Waits. */
  readonly clock: Pick<EngineClock, "sleep" | "random">;
  /** Told of every failure, and of the success after failures. */
  readonly onEvent: EventSink;
  /** Aborted when nobody waits for an outcome any more. */
  readonly signal: AbortSignal;
  /** Whom it tells when the store is full, where others tell it, too. */
  readonly room?: StoreRoom;
  /** The longest wait between attempts, where the store asks for none; as `backoffMs` has it when absent. */
  readonly delayMsMax?: number;
}

/** Runs operations of a blob store until they give an answer. */
export class Retry {
  /** Whether the store is full. */
  readonly room: StoreRoom;
  readonly #options: RetryOptions;
  #failFast = true;

  /** Until `persist` is called, only failures that are temporary are retried. */
  constructor(options: RetryOptions) {
    this.#options = options;
    this.room = options.room ?? new StoreRoom(options.onEvent);
  }

  /** Aborted when nobody waits for an outcome any more. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /**
   * From now on retry everything that is not an answer, for ever: writes have
   * been acknowledged. Before, somebody waits at a prompt for what is wrong.
   */
  persist(): void {
    this.#failFast = false;
  }

  /**
   * One for what must not be late when the store is back: it waits no longer than
   * that between attempts, and tries everything that is not an answer again, until
   * `signal` is aborted, or the one of this.
   */
  hurried(delayMsMax: number, signal: AbortSignal): Retry {
    const hurried = new Retry({
      ...this.#options,
      signal: AbortSignal.any([this.signal, signal]),
      room: this.room,
      delayMsMax,
    });
    hurried.persist();
    return hurried;
  }

  /**
   * Runs `operation`; `what` completes "Cannot …" in messages. Rejects with the
   * store's error when that is an answer, and with `Closed` after the abort.
   */
  async run<Result>(
    what: string,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    const running = {};
    try {
      return await this.#run(what, operation, running);
    } finally {
      this.room.ended(running);
    }
  }

  async #run<Result>(
    what: string,
    operation: () => Promise<Result>,
    running: object,
  ): Promise<Result> {
    const { clock, onEvent, signal, delayMsMax } = this.#options;
    for (let attempt = 0;; attempt++) {
      try {
        const result = await operation();
        if (attempt > 0) {
          onEvent({
            event: "store-recovered",
            severity: "info",
            message: `The blob store answers again: ${what}`,
            attempts: attempt + 1,
          });
        }
        return result;
      } catch (error) {
        const code = blobErrorCode(error);
        const temporary = isTemporary(error);
        if (isAnswer(error) || (this.#failFast && !temporary)) throw error;
        if (code === "NoSpace") this.room.refused(running, describe(error));
        else this.room.ended(running);
        const delayMs = backoffMs(
          attempt,
          error,
          clock.random,
          delayMsMax,
        );
        onEvent({
          event: "store-failed",
          severity: severityOf(code, temporary),
          message: `Cannot ${what}: ${describe(error)}; trying again in ${
            delayMs / 1000
          } s`,
          code,
          delayMs,
        });
        await clock.sleep(delayMs, signal);
        if (signal.aborted) {
          throw new ArchiveError(
            "Closed",
            `Cannot ${what}: the archive was closed while waiting for the blob store`,
            { cause: error },
          );
        }
      }
    }
  }
}

/** An unknown failure may pass by itself; a refusal needs a person. */
function severityOf(code: string, temporary: boolean): EventSeverity {
  if (temporary) return "expected";
  return code === "Unknown" ? "strange" : "admin";
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
