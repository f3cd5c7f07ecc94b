/**
 * The frame thread's end: an archive whose every call is a message.
 *
 * @module
 */

import type {
  OpenedArchive,
  OperationName,
  OperationRequest,
  OperationResult,
} from "../archive_operations.ts";
import type {
  CheckpointResult,
  FetchRequest,
  FetchResult,
  FrozenGeneration,
  SeekRequest,
  Shortage,
  SnapshotDescription,
  ViewDescription,
  ViewRequest,
} from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { fromErrorMessage } from "./error_message.ts";
import type {
  ArchiveMethod,
  ThreadEndpoint,
  ThreadReply,
  ThreadRequest,
  ThreadStart,
} from "./messages.ts";

/** How to connect to an archive thread. */
export interface ConnectOptions extends ThreadStart {
  /** Takes the archive's events. */
  readonly onEvent: EventSink;
  /**
   * Resolves with the reason when the thread has died: whoever started it knows
   * (a worker's `error` event). Every call is rejected from then on.
   */
  readonly ended: Promise<Error>;
}

/**
 * Has the thread at the other end open its archive. Rejects with what the
 * opening met, or with `ThreadEnded`. Takes over the endpoint's `onmessage`; the
 * endpoint is the caller's to close after the archive's `close`.
 */
export async function connectArchive(
  endpoint: ThreadEndpoint,
  options: ConnectOptions,
): Promise<OpenedArchive> {
  const { memory, config, onEvent, ended } = options;
  const connection = new Connection(endpoint, onEvent);
  ended.then((error) => connection.end(error));
  const { archiveId, epoch } = await connection.open({ memory, config });
  return new RemoteArchive(connection, archiveId, epoch);
}

interface Opened {
  readonly archiveId: string;
  readonly epoch: number;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Calls that wait for their answers, by id. */
class Connection {
  readonly lost: Promise<Error>;
  readonly #endpoint: ThreadEndpoint;
  readonly #onEvent: EventSink;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened = Promise.withResolvers<Opened>();
  readonly #resolveLost: (error: Error) => void;
  #nextId = 0;
  #ended: Error | undefined;

  constructor(endpoint: ThreadEndpoint, onEvent: EventSink) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#resolveLost = resolve;
    this.#endpoint = endpoint;
    this.#onEvent = onEvent;
    endpoint.onmessage = ({ data }) => this.#receive(data as ThreadReply);
  }

  open(start: ThreadStart): Promise<Opened> {
    this.#send({ type: "open", ...start });
    return this.#opened.promise;
  }

  call<Result>(
    method: ArchiveMethod,
    ...args: readonly unknown[]
  ): Promise<Result> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise<Result>((resolve, reject) => {
      const waiting = { resolve: resolve as Waiting["resolve"], reject };
      this.#waiting.set(id, waiting);
      try {
        this.#send({ type: "call", id, method, arguments: args });
      } catch (error) {
        this.#waiting.delete(id);
        reject(error);
      }
    });
  }

  /** Rejects all that waits, and all calls from now on; the claim is as good as lost. */
  end(cause: Error): void {
    if (this.#ended !== undefined) return;
    const error = new ArchiveError(
      "ThreadEnded",
      `The archive thread ended: ${cause.message}; what was acknowledged is in the journal, start the server again`,
      { cause },
    );
    this.#ended = error;
    this.#opened.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#resolveLost(error);
  }

  #send(request: ThreadRequest): void {
    this.#endpoint.postMessage(request);
  }

  #receive(reply: ThreadReply): void {
    switch (reply.type) {
      case "opened":
        return this.#opened.resolve(reply);
      case "refused":
        return this.#opened.reject(fromErrorMessage(reply.error));
      case "event":
        return this.#onEvent(reply.event);
      case "lost":
        return this.#resolveLost(fromErrorMessage(reply.error));
      case "returned":
        return this.#take(reply.id)?.resolve(reply.result);
      case "threw":
        return this.#take(reply.id)?.reject(fromErrorMessage(reply.error));
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}

/** The archive of another thread. */
class RemoteArchive implements OpenedArchive {
  readonly archiveId: string;
  readonly epoch: number;
  readonly lost: Promise<Error>;
  readonly #connection: Connection;

  constructor(connection: Connection, archiveId: string, epoch: number) {
    this.archiveId = archiveId;
    this.epoch = epoch;
    this.lost = connection.lost;
    this.#connection = connection;
  }

  openView(request: ViewRequest): Promise<ViewDescription> {
    return this.#connection.call("openView", request);
  }

  newerView(view: number): Promise<ViewDescription | undefined> {
    return this.#connection.call("newerView", view);
  }

  closeView(view: number): Promise<void> {
    return this.#connection.call("closeView", view);
  }

  beginWrites(): Promise<void> {
    return this.#connection.call("beginWrites");
  }

  confirm(): Promise<void> {
    return this.#connection.call("confirm");
  }

  fetch(request: FetchRequest): Promise<FetchResult> {
    return this.#connection.call("fetch", request);
  }

  seek(request: SeekRequest): Promise<void> {
    return this.#connection.call("seek", request);
  }

  checkpoint(generation: FrozenGeneration): Promise<CheckpointResult> {
    return this.#connection.call("checkpoint", generation);
  }

  shortage(): Promise<Shortage | undefined> {
    return this.#connection.call("shortage");
  }

  createSnapshot(view: number, name: string): Promise<SnapshotDescription> {
    return this.#connection.call("createSnapshot", view, name);
  }

  listSnapshots(volume?: string): Promise<SnapshotDescription[]> {
    return this.#connection.call("listSnapshots", volume);
  }

  operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    return this.#connection.call("operate", name, request);
  }

  close(): Promise<void> {
    return this.#connection.call("close");
  }
}
