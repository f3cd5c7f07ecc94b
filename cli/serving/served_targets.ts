/**
 * The targets of a running server: added, removed and grown while it serves.
 *
 * @module
 */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { formatMac } from "../../aoe/header.ts";
import type { AoeServer } from "../../aoe/server.ts";
import { Target } from "../../aoe/target.ts";
import { emptyTargetState, type TargetState } from "../../aoe/target_state.ts";
import type { EventSink } from "../../cas/events.ts";
import { macBytes } from "./mac_address.ts";
import { formatSize } from "../output/size.ts";
import {
  addressOf,
  describeDisk,
  type DiskSources,
  openTargetDisk,
  type TargetDisk,
} from "./target_disk.ts";
import {
  addressWarnings,
  type TargetOption,
} from "../options/target_option.ts";
import type { TargetStates } from "./target_states.ts";
import { Refusal } from "../refusal.ts";

/** What targets are served with. */
export interface ServedTargetsOptions {
  /** Serves them. */
  readonly server: AoeServer;
  /** Opens their disks. */
  readonly sources: Omit<DiskSources, "create">;
  /** Keeps what initiators leave behind. */
  readonly states: TargetStates;
  /** Takes events. */
  readonly onEvent: EventSink;
}

/** A target as `target list` shows it; can be written as JSON. */
export interface TargetDescription {
  /** Its address, such as "1.0". */
  readonly target: string;
  /** Its disk, as the operator named it. */
  readonly disk: string;
  /** Present size. */
  readonly sizeBytes: number;
  /** Whether writes are refused. */
  readonly readOnly: boolean;
  /** Serial number. */
  readonly serial: string;
  /** Config string, where it is text; other bytes are shown as U+FFFD. */
  readonly config: string;
  /** The hosts that may see it; none for all. */
  readonly allow: readonly string[];
  /** The hosts of its MAC mask; none for all. */
  readonly mask: readonly string[];
  /** The hosts that have reserved it. */
  readonly reservation: readonly string[];
  /** Counters since it was added. */
  readonly statistics: Readonly<Record<string, number>>;
}

/** What of a target is to be forgotten. */
export interface ClearedState {
  /** The hosts that have reserved it. */
  readonly reservation: boolean;
  /** The hosts of its MAC mask. */
  readonly mask: boolean;
  /** The config string that a client has set. */
  readonly configString: boolean;
}

interface Served {
  readonly option: TargetOption;
  readonly target: Target;
  readonly disk: TargetDisk;
}

/** The targets of a running server. */
export class ServedTargets {
  readonly #options: ServedTargetsOptions;
  readonly #served: Map<string, Served> = new Map();
  /** Adding, removing and growing wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** No targets yet. */
  constructor(options: ServedTargetsOptions) {
    this.#options = options;
  }

  /**
   * Opens a disk, making it if it is missing and `create` says so, and serves
   * it. Rejects when the address is taken or the disk cannot be opened; nothing
   * stays open then.
   */
  async add(option: TargetOption, create: boolean): Promise<TargetDescription> {
    let unserved: TargetDisk | undefined;
    try {
      return await this.#inTurn(() =>
        this.#add(option, create, (disk) => unserved = disk)
      );
    } catch (error) {
      // Behind the turn, as it may wait for the store.
      await unserved?.release?.();
      throw error;
    }
  }

  /** `unserved` takes a disk that was opened and closed, and not released. */
  async #add(
    option: TargetOption,
    create: boolean,
    unserved: (disk: TargetDisk) => void,
  ): Promise<TargetDescription> {
    const { server, sources, states, onEvent } = this.#options;
    const address = addressOf(option);
    if (this.#served.has(address)) {
      throw new Refusal(
        "Taken",
        `Target ${address} is served already: remove it first, or choose another address`,
      );
    }
    for (const message of addressWarnings(option.shelf, option.slot)) {
      onEvent({ event: "address-warning", severity: "strange", message });
    }
    const disk = await openTargetDisk(option, { ...sources, create });
    try {
      const target = makeTarget(option, disk, states);
      server.addTarget(target);
      const served = { option, target, disk };
      this.#served.set(address, served);
      return describe(served);
    } catch (error) {
      unserved(disk);
      await disk.close();
      throw error;
    }
  }

  /**
   * Stops serving a target and lets go of its disk. What initiators left behind
   * is kept. Resolves when the archive has the last writes of its volume, which
   * others may change from then on; meanwhile other targets may come and go.
   */
  async remove(address: string): Promise<TargetDescription> {
    const { served, description } = await this.#inTurn(async () => {
      const served = this.#find(address);
      this.#served.delete(address);
      await this.#options.server.removeTarget(served.target);
      const description = describe(served);
      await served.disk.close();
      return { served, description };
    });
    await served.disk.release?.();
    return description;
  }

  /** Makes a target's disk larger and tells its initiators. */
  grow(
    address: string,
    sizeBytes: number | undefined,
  ): Promise<TargetDescription> {
    return this.#inTurn(async () => {
      const served = this.#find(address);
      await served.disk.grow(sizeBytes);
      // All: other targets may show the same volume.
      this.advertise();
      return describe(served);
    });
  }

  /**
   * Forgets what clients left behind. Resolves when that outlives the server,
   * and rejects when it cannot be written.
   */
  clear(address: string, what: ClearedState): Promise<TargetDescription> {
    return this.#inTurn(async () => {
      const served = this.#find(address);
      const { option, target } = served;
      const fresh = freshState(option);
      const { state } = target;
      await target.replaceState({
        reservation: what.reservation ? fresh.reservation : state.reservation,
        mask: what.mask ? fresh.mask : state.mask,
        configString: what.configString
          ? fresh.configString
          : state.configString,
      });
      // Hosts that the mask had left out may look for it.
      this.#options.server.advertise(target);
      return describe(served);
    });
  }

  /** Tells initiators of all targets, for example because a volume has grown. */
  advertise(): void {
    this.#options.server.advertise();
  }

  /** All targets, in the order in which they were added. */
  list(): TargetDescription[] {
    return [...this.#served.values()].map(describe);
  }

  /** Says that a target is served, on these interfaces. */
  announce(target: TargetDescription, interfaces: readonly string[]): void {
    const option = this.#find(target.target).option;
    const { disk, sizeBytes, readOnly } = target;
    const where = interfaces.length === 0 ? "" : ` on ${interfaces.join(", ")}`;
    this.#options.onEvent({
      event: "ready",
      severity: "info",
      message: `Serving ${disk} (${formatSize(sizeBytes)}${
        readOnly ? ", read-only" : ""
      }) as target ${target.target}${where}`,
      target: target.target,
      disk,
      ...(option.volume === undefined ? {} : { volume: option.volume }),
      ...(option.snapshot === undefined ? {} : { snapshot: option.snapshot }),
      ...(option.root === undefined ? {} : { root: option.root }),
      sizeBytes,
      readOnly,
      interfaces,
    });
  }

  /** Lets go of every disk, after the server has closed. */
  async close(): Promise<void> {
    await this.#turn;
    for (const { disk } of this.#served.values()) await disk.close();
    this.#served.clear();
  }

  #find(address: string): Served {
    const served = this.#served.get(address);
    if (served !== undefined) return served;
    const known = [...this.#served.keys()].join(", ");
    throw new Refusal(
      "Missing",
      `There is no target ${address} here: ${
        known === "" ? "none is served" : `served are ${known}`
      }`,
    );
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    // A failure is for whoever asked, not for the next.
    this.#turn = result.catch(() => {});
    return result;
  }
}

function makeTarget(
  option: TargetOption,
  disk: TargetDisk,
  states: TargetStates,
): Target {
  const { shelf, slot, allow, readOnly } = option;
  const { bufferCount, sectorCountMax, serial } = option;
  const address = addressOf(option);
  const state = states.get(address) ?? freshState(option);
  return new Target({
    shelf,
    slot,
    device: disk.device,
    state,
    onStateChanged: (changed) => states.set(address, changed),
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(allow === undefined ? {} : { allow: allow.map(macBytes) }),
    ...(bufferCount === undefined ? {} : { bufferCount }),
    ...(sectorCountMax === undefined ? {} : { sectorCountMax }),
    ...(serial === undefined ? {} : { serial }),
  });
}

/** The state of a target that no client has changed. */
function freshState({ configString }: TargetOption): TargetState {
  return {
    ...emptyTargetState(),
    configString: new TextEncoder().encode(configString ?? ""),
  };
}

function describe({ option, target }: Served): TargetDescription {
  const { state } = target;
  return {
    target: addressOf(option),
    disk: describeDisk(option),
    sizeBytes: target.device.sectorCount * SECTOR_SIZE,
    readOnly: target.readOnly,
    serial: target.serial,
    config: new TextDecoder().decode(state.configString),
    allow: option.allow ?? [],
    mask: state.mask.map(formatMac),
    reservation: state.reservation.map(formatMac),
    statistics: { ...target.statistics },
  };
}
