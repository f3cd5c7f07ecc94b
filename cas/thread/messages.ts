/**
 * What the two threads say to each other. Every message can be structured-cloned;
 * the pool's memory is shared, never copied.
 *
 * ```
 * connectArchive                          serveArchive
 *   open { memory, config }  ------------>  opens the archive
 *   <------------------------  opened { archiveId, epoch }  or  refused { error }
 *   call { id, method, arguments }  ----->
 *   <----------------  returned { id, result }  or  threw { id, error }
 *   <-------------------------  event { event }, lost { error }  at any time
 * ```
 *
 * @module
 */

import type { OpenedArchive } from "../archive_operations.ts";
import type { ArchiveEvent } from "../events.ts";
import type { ErrorMessage } from "./error_message.ts";

/** One end of a channel between threads: a `MessagePort`, a `Worker`, or a worker's own scope. */
export interface ThreadEndpoint {
  /** Sends a message. */
  postMessage(message: unknown): void;
  /** Takes messages. */
  onmessage: ((event: MessageEvent) => void) | null;
}

/** The methods of an archive that are called across. */
export type ArchiveMethod = Extract<
  {
    [Name in keyof OpenedArchive]: OpenedArchive[Name] extends
      (...args: never[]) => Promise<unknown> ? Name : never;
  }[keyof OpenedArchive],
  string
>;

/** All of them, so that a message can call nothing else. */
export const ARCHIVE_METHODS: readonly ArchiveMethod[] = [
  "openView",
  "newerView",
  "closeView",
  "beginWrites",
  "confirm",
  "fetch",
  "seek",
  "checkpoint",
  "shortage",
  "createSnapshot",
  "listSnapshots",
  "operate",
  "close",
];

/** What the archive thread is started with. */
export interface ThreadStart {
  /** The pool's memory. */
  readonly memory: SharedArrayBuffer;
  /** What to open, in the words of whoever opens it. */
  readonly config: unknown;
}

/** To the archive thread. */
export type ThreadRequest =
  | ({ readonly type: "open" } & ThreadStart)
  | {
    readonly type: "call";
    readonly id: number;
    readonly method: ArchiveMethod;
    readonly arguments: readonly unknown[];
  };

/** From the archive thread. */
export type ThreadReply =
  | {
    readonly type: "opened";
    readonly archiveId: string;
    readonly epoch: number;
  }
  | { readonly type: "refused"; readonly error: ErrorMessage }
  | { readonly type: "returned"; readonly id: number; readonly result: unknown }
  | {
    readonly type: "threw";
    readonly id: number;
    readonly error: ErrorMessage;
  }
  | { readonly type: "event"; readonly event: ArchiveEvent }
  | { readonly type: "lost"; readonly error: ErrorMessage };
