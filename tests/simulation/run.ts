/**
 * The state of a simulated run: the servers, what should be in the archive, and
 * what may go wrong now.
 */

import { MemorySpace } from "../../blobstores/memory_store.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { Content, stampsIn, type VolumeModel } from "./model.ts";
import type { Plant } from "./plant.ts";
import { type Server, startServer } from "./server.ts";
import { Place } from "./simulated_place.ts";
import { Damage, StoreWeather } from "./simulated_store.ts";
import { Process, Violation, World } from "./world.ts";

/** Within this a store or disk that works again is used again. */
const AFTERMATH_MS = 40_000;
/** How long an operation may take before what hinders it ends. */
const PATIENCE_MS = 20_000;
/** Within this nothing that was read before is delivered any more. */
const MEND_MS = 61_000;

/** A change that was asked for when the server died. */
export interface PendingChange {
  readonly what: string;
  /** True if it was made, as the archive tells now. */
  readonly wasMade: (server: Server) => Promise<boolean>;
  readonly apply: () => void;
}

/** What an answer that may come later means. */
export interface Reply<T> {
  readonly answered: (result: T) => void;
  readonly refused: (error: unknown) => void;
  /** The server died first. */
  readonly unanswered?: () => void;
}

export class Run {
  readonly world: World;
  readonly plant: Plant;
  readonly space: MemorySpace = new MemorySpace();
  readonly damage: Damage;
  readonly weather: StoreWeather = new StoreWeather();
  /** True where the store knows which server is alive. */
  readonly hold: boolean;
  readonly volumes: VolumeModel[] = [];
  place: Place;
  server!: Server;
  /** Asked for, not answered. */
  readonly waiting: Set<Promise<unknown>> = new Set();
  pendingChanges: PendingChange[] = [];
  /** What it means that they are not answered. */
  readonly unanswered: Set<() => void> = new Set();
  operationCount = 0;
  /** How often clients were refused because something was full. */
  refusalCount = 0;
  /** Machines that took the archive over, or tried. */
  placeCount = 0;
  /** Names of volumes of which a superseded server may have made another one. */
  readonly contested: Set<string> = new Set();
  /** True while the server ends as it should. */
  closing = false;
  /** How much of what was acknowledged may be missing at the next start. */
  loss: "nothing" | "journal" | "all" = "nothing";
  violation: Violation | undefined;
  /** A pack was met while it was damaged: the index must be made anew when it is mended. */
  salvaged = false;
  /** The index was made while a pack was gone, or does not know one that is asked for. */
  #packMissed = false;
  #created = false;
  #processCount = 0;
  #stamp = 100;
  #troubledMs = -Infinity;
  /** Damage was met, while there was some, since a checkpoint ended. */
  #damageMet = false;

  constructor(seed: number, plant: Plant = {}) {
    this.world = new World(seed);
    this.plant = plant;
    this.damage = new Damage(this.space);
    this.hold = this.world.chance(0.5);
    this.place = new Place(this.world, "a", this.world.driver);
  }

  /** True while reads and starts may fail: never while all is well. */
  get troubled(): boolean {
    const { world, damage, weather, place } = this;
    if (
      this.salvaged || damage.any || weather.lies ||
      weather.full ||
      place.index.ails ||
      place.journal.ails
    ) this.#troubledMs = world.nowMs;
    // What the index was made without is looked for once a minute.
    const afterMs = AFTERMATH_MS + (this.#packMissed ? MEND_MS : 0);
    return world.nowMs - this.#troubledMs <= afterMs;
  }

  /** True if reads may have failed at some time since `sinceMs`. */
  wasTroubled(sinceMs: number): boolean {
    return this.troubled || this.#troubledMs >= sinceMs;
  }

  /** A number that no other write has. */
  nextStamp(): number {
    return this.#stamp++;
  }

  /** Fails the run from where nothing may be thrown. */
  fail(text: string): void {
    this.violation ??= new Violation(text);
    this.world.note(`VIOLATION ${text}`);
  }

  throwIfFailed(): void {
    if (this.violation !== undefined) throw this.violation;
  }

  open(): VolumeModel[] {
    return this.volumes.filter((volume) => this.server.disks.has(volume.name));
  }

  shown(): VolumeModel[] {
    return this.volumes.filter(({ retired }) => !retired);
  }

  disk(volume: VolumeModel): Volume {
    return this.server.disks.get(volume.name) as Volume;
  }

  /** Notes a request whose answer comes while the run goes on. */
  later<T>(promise: Promise<T>, reply: Reply<T>): void {
    const { answered, refused, unanswered = (): void => {} } = reply;
    this.unanswered.add(unanswered);
    // What a server says after its time counts no more.
    const ifInTime = (tell: () => void): void => {
      if (!this.unanswered.delete(unanswered)) return;
      this.waiting.delete(promise);
      try {
        tell();
      } catch (error) {
        this.fail(messageOf(error));
      }
    };
    promise.then(
      (result) => ifInTime(() => answered(result)),
      (error: unknown) => ifInTime(() => refused(error)),
    );
    this.waiting.add(promise);
  }

  /** The server dies, or is superseded: everything asked for remains unanswered. */
  forgetAsked(): void {
    for (const unanswered of this.unanswered) unanswered();
    this.unanswered.clear();
    this.waiting.clear();
  }

  /** Waits; what hinders the archive ends if it takes long. */
  async settle<T>(promise: Promise<T>, what: string): Promise<T> {
    const { world } = this;
    let settled = false;
    const note = (): void => void (settled = true);
    promise.then(note, note);
    const untilMs = world.nowMs + PATIENCE_MS;
    while (!settled && await world.step(untilMs));
    if (!settled) this.calm();
    return await world.settle(promise, what);
  }

  /** Store and disks work again. */
  calm(): void {
    const { weather, place, world } = this;
    void this.troubled;
    weather.clear();
    place.clear();
    world.note("calm");
  }

  /** And nothing is damaged any more. */
  heal(): void {
    this.calm();
    this.damage.heal();
    this.world.note("healed");
  }

  /** Starts the server of the present place, which must work unless there is trouble. */
  async start(): Promise<void> {
    // Whether it was made must be seen at once.
    if (this.pendingChanges.length > 0) this.heal();
    this.completeIndex();
    let error = await this.tryStart();
    if (error === undefined) return;
    if (!this.troubled) {
      throw new Violation(`A start was refused: ${messageOf(error)}`);
    }
    this.heal();
    error = await this.tryStart();
    if (error !== undefined) {
      throw new Violation(`A start was refused at last: ${messageOf(error)}`);
    }
  }

  /** Has the next start make the index anew where it lacks what has been mended since. */
  completeIndex(): void {
    if (!this.salvaged || this.damage.any) return;
    this.place.index.wipe();
    this.salvaged = false;
  }

  /** Starts the server; why it would not. */
  async tryStart(): Promise<unknown> {
    const { world, place } = this;
    const process = new Process(world, `server${this.#processCount++}`);
    place.runs(process);
    const heldBefore = this.space.hold;
    try {
      this.server = await this.settle(
        startServer({
          world,
          place,
          process,
          plant: this.plant,
          space: this.space,
          weather: this.weather,
          damage: this.damage,
          hold: this.hold,
          create: !this.#created,
          onEvent: (event, of) => this.#onEvent(event, of),
        }),
        "a start",
      );
      this.#created = true;
      return undefined;
    } catch (error) {
      world.note(`${process.name} was refused: ${messageOf(error)}`);
      process.kill();
      this.space.hold = heldBefore;
      if (error instanceof Violation) throw error;
      return error;
    }
  }

  /** The whole of a disk. */
  async readAll(disk: Volume, what: string): Promise<Uint32Array> {
    const bytes = new Uint8Array(disk.sectorCount * 512);
    const range = { lba: 0, sectorCount: disk.sectorCount };
    await this.settle(disk.read(range, bytes, 0), what);
    return stampsIn(bytes);
  }

  /**
   * Checks the whole of a disk, healing what is damaged if it cannot be read.
   * False if it can be read only after a start with a new index.
   */
  async check(disk: Volume, content: Content, what: string): Promise<boolean> {
    this.world.note(`check ${what}`);
    const sinceMs = this.world.nowMs;
    let found: Uint32Array;
    try {
      found = await this.readAll(disk, what);
    } catch (error) {
      if (error instanceof Violation) throw error;
      if (!this.wasTroubled(sinceMs)) {
        throw new Violation(`${what} cannot be read: ${messageOf(error)}`);
      }
      this.heal();
      await this.world.pass(MEND_MS);
      if (this.salvaged) return false;
      try {
        found = await this.readAll(disk, what);
      } catch (again) {
        throw new Violation(
          `${what} cannot be read when nothing is damaged any more: ${
            messageOf(again)
          }`,
        );
      }
    }
    content.check(found, what);
    return true;
  }

  #onEvent(event: ArchiveEvent, process: Process): void {
    if (process !== this.place.process) return;
    if (event.event === "pack-salvaged") this.salvaged = true;
    const misses = ["pack-missing", "pack-search"];
    if (misses.includes(event.event)) this.#packMissed = true;
    if (event.event === "checkpoint") this.#damageMet = false;
    // An outage may hold up the search for longer than a client waits.
    if (event.event === "block-not-found-yet") {
      this.#troubledMs = this.world.nowMs;
    }
    if (this.troubled) {
      this.#damageMet ||= event.event === "block-damaged";
      return;
    }
    // Told at the end of a checkpoint, which an outage may have put off.
    if (event.event === "writes-deferred" && this.#damageMet) return;
    if (event.severity === "corrupt") {
      this.fail(`There is no damage, but: ${event.message}`);
    }
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
