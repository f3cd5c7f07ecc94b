/**
 * The archive thread's end: opens an archive when told to and answers calls.
 *
 * @module
 */

import type { OpenedArchive } from "../archive_operations.ts";
import type { EventSink } from "../events.ts";
import { toErrorMessage } from "./error_message.ts";
import {
  ARCHIVE_METHODS,
  type ThreadEndpoint,
  type ThreadReply,
  type ThreadRequest,
  type ThreadStart,
} from "./messages.ts";

/** Opens the archive that a `ThreadStart` asks for. */
export type OpenInThread = (
  start: ThreadStart,
  onEvent: EventSink,
) => Promise<OpenedArchive>;

/**
 * Serves one archive over an endpoint, until its `close` was answered. Takes
 * over `onmessage`.
 */
export function serveArchive(
  endpoint: ThreadEndpoint,
  open: OpenInThread,
): void {
  const reply = (message: ThreadReply): void => endpoint.postMessage(message);
  let archive: OpenedArchive | undefined;

  async function start(request: ThreadStart): Promise<void> {
    try {
      const opened = await open(
        request,
        (event) => reply({ type: "event", event }),
      );
      archive = opened;
      const { archiveId, epoch, lost } = opened;
      reply({ type: "opened", archiveId, epoch });
      lost.then((error) =>
        reply({ type: "lost", error: toErrorMessage(error) })
      );
    } catch (error) {
      reply({ type: "refused", error: toErrorMessage(error) });
    }
  }

  async function call(
    request: Extract<ThreadRequest, { type: "call" }>,
  ): Promise<void> {
    const { id, method } = request;
    try {
      if (archive === undefined || !ARCHIVE_METHODS.includes(method)) {
        throw new RangeError(`Cannot call "${method}" of this archive`);
      }
      const bound = archive[method] as (...args: unknown[]) => Promise<unknown>;
      const result = await bound.apply(archive, [...request.arguments]);
      reply({ type: "returned", id, result });
    } catch (error) {
      reply({ type: "threw", id, error: toErrorMessage(error) });
    }
  }

  endpoint.onmessage = ({ data }) => {
    const request = data as ThreadRequest;
    if (request.type === "open") start(request);
    else call(request);
  };
}
