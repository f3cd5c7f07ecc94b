/** A server of a simulated run, on the machine it runs on. */

import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import type { ArchiveFront } from "../../cas/front/archive_front.ts";
import type { Volume } from "../../cas/front/volume.ts";
import type { Plant } from "./plant.ts";
import type { Place } from "./simulated_place.ts";
import {
  SimulatedStore,
  type SimulatedStoreOptions,
} from "./simulated_store.ts";
import { startStack } from "./stack.ts";
import type { Process, World } from "./world.ts";

/** Bytes that a journal holds, and that make a checkpoint: as many as matter. */
const JOURNAL_BYTES_MAX: number = 512 * 1024;
const CHECKPOINT_BYTES: number = 64 * 1024;
const CHECKPOINT_AGE_MS = 3000;

/** A running server. */
export interface Server {
  readonly place: Place;
  readonly process: Process;
  readonly front: ArchiveFront;
  readonly port: OpenedArchive;
  /** Disks of the heads that were opened, by name. */
  readonly disks: Map<string, Volume>;
  /** True when it has told that it lost the archive. */
  lost: boolean;
}

export interface ServerOptions extends Omit<SimulatedStoreOptions, "process"> {
  readonly world: World;
  readonly place: Place;
  readonly process: Process;
  readonly plant: Plant;
  readonly create: boolean;
  readonly onEvent: (event: ArchiveEvent, process: Process) => void;
}

/** Starts a server; rejects as the archive does. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { world, place, process, plant, create, onEvent } = options;
  const sleep = process.sleep.bind(process);
  const yieldTurn = process.yieldTurn.bind(process);
  const machine = {
    journal: place.journal.disk,
    index: place.index.disk,
    space: options.space,
    get hints() {
      return place.hints;
    },
    set hints(hints) {
      place.hints = hints;
    },
  };
  const { front, port } = await startStack(machine, () => {
    const store = new SimulatedStore(options);
    return plant.store?.(store, process) ?? store;
  }, {
    stateId: place.stateId,
    create,
    clock: { nowMs: () => Math.floor(world.nowMs), sleep, yieldNow: yieldTurn },
    frontClock: {
      nowMs: () => world.nowMs,
      wallMs: () => world.nowMs,
      sleep,
      yieldTurn,
    },
    random: (length) => world.bytes(length),
    journalBytesMax: JOURNAL_BYTES_MAX,
    checkpointBytes: CHECKPOINT_BYTES,
    checkpointAgeMs: CHECKPOINT_AGE_MS,
    onEvent: (event) => {
      world.note(`${process.name} ${event.event} ${event.message}`);
      onEvent(event, process);
    },
    wrapJournal: (disk) => plant.journal?.(disk, process) ?? disk,
    wrapIndex: (index) => plant.index?.(index) ?? index,
    wrapPort: (port) => {
      const far = atDistance(port, process);
      return plant.port?.(far, process) ?? far;
    },
  });
  const server: Server = {
    place,
    process,
    front,
    port,
    disks: new Map(),
    lost: false,
  };
  port.lost.then(() => {
    server.lost = true;
    world.note(`${process.name} lost the archive`);
  });
  return server;
}

/** Calls and answers take their time, as between two threads. */
function atDistance(port: OpenedArchive, process: Process): OpenedArchive {
  return new Proxy(port, {
    get(target, name): unknown {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== "function") return value;
      return async (...args: unknown[]): Promise<unknown> => {
        await process.yieldTurn();
        try {
          return await value.apply(target, args);
        } finally {
          await process.yieldTurn();
        }
      };
    },
  });
}
