/**
 * A disk in memory that keeps apart what was synced and what was not, so that a
 * test can lose power at any operation and fail any of them.
 *
 * `afterPowerLoss` gives another disk with one of the states that could be
 * found, and leaves this one running: one recorded run can be cut at every
 * operation, several times.
 *
 * @module
 */

import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import { type Random, SimulatedFile } from "./simulated_file.ts";

/** One operation that changes the disk or makes a change durable. */
export interface DiskOperation {
  /** What. */
  readonly kind:
    | "create"
    | "write"
    | "sync"
    | "remove"
    | "rename"
    | "syncDirectory";
  /** The file's name before it, or "" for the directory. */
  readonly name: string;
  /** Counts the operations of this disk from 0. */
  readonly index: number;
}

/** How the disk behaves. */
export interface SimulatedDiskOptions {
  /** Decides what a failed sync leaves behind. */
  readonly random: Random;
  /** Fails an operation with this system error code: `EIO`, `ENOSPC`. */
  readonly fault?: (operation: DiskOperation) => string | undefined;
  /** Told after each operation took effect, before its caller learns of it. */
  readonly onOperation?: (operation: DiskOperation) => void;
  /** How long a `sync` takes; by default one microtask. */
  readonly syncDelay?: () => Promise<void>;
}

type Names = Map<string, SimulatedFile>;
type NameChange = (names: Names) => void;

/** A simulated directory of files. */
export class SimulatedDisk implements Disk {
  /** Where it is, for messages to people. */
  readonly location: string = "(simulated)";
  readonly #options: SimulatedDiskOptions;
  readonly #names: Names;
  #durableNames: Names;
  #nameChanges: NameChange[] = [];
  #operationCount = 0;

  /** An empty disk. */
  constructor(options: SimulatedDiskOptions, names: Names = new Map()) {
    this.#options = options;
    this.#names = new Map(names);
    this.#durableNames = new Map(names);
  }

  /**
   * A disk as it could be found if power were lost now: unsynced writes lost,
   * torn at 512-byte sectors and reordered, unsynced names each kept or lost.
   */
  afterPowerLoss(
    random: Random,
    options: SimulatedDiskOptions = { random },
  ): SimulatedDisk {
    const names = new Map(this.#durableNames);
    for (const change of this.#nameChanges) {
      if (random() < 0.5) change(names);
    }
    // A file under two names stays one file.
    const found = new Map<SimulatedFile, SimulatedFile>();
    const survivors: Names = new Map();
    for (const [name, file] of names) {
      const survivor = found.get(file) ?? file.afterPowerLoss(random);
      found.set(file, survivor);
      survivors.set(name, survivor);
    }
    return new SimulatedDisk(options, survivors);
  }

  /** The names of all files. */
  list(): string[] {
    return [...this.#names.keys()];
  }

  /** Makes an empty file. */
  create(name: string): DiskFile {
    if (this.#names.has(name)) {
      throw new DiskError("EEXIST", `Cannot create ${name}`);
    }
    const file = new SimulatedFile();
    this.#change("create", name, (names) => names.set(name, file));
    return this.#handle(file);
  }

  /** Opens a file. */
  open(name: string): DiskFile {
    return this.#handle(this.#find(name));
  }

  /** Removes a file. */
  remove(name: string): void {
    const file = this.#find(name);
    this.#change("remove", name, function forget(names): void {
      if (names.get(name) === file) names.delete(name);
    });
  }

  /** Renames a file. */
  rename(from: string, to: string): void {
    const file = this.#find(from);
    this.#change("rename", from, function move(names): void {
      if (names.get(from) !== file) return;
      names.delete(from);
      names.set(to, file);
    });
  }

  /** Makes all names as they are now durable. */
  async syncDirectory(): Promise<void> {
    const covered = this.#nameChanges.slice();
    await this.#options.syncDelay?.();
    this.#syncNames(covered);
  }

  /** The same, at once. */
  syncDirectoryNow(): void {
    this.#syncNames(this.#nameChanges.slice());
  }

  #syncNames(covered: readonly NameChange[]): void {
    this.#operate("syncDirectory", "", () => {
      const names = new Map(this.#durableNames);
      for (const change of covered) {
        if (this.#nameChanges.includes(change)) change(names);
      }
      this.#durableNames = names;
      const done = new Set(covered);
      this.#nameChanges = this.#nameChanges.filter((one) => !done.has(one));
    });
  }

  #handle(file: SimulatedFile): DiskFile {
    const operate = this.#operate.bind(this);
    const nameNow = this.#nameOf.bind(this, file);
    const { random, syncDelay } = this.#options;
    function lose(): void {
      file.dropUnsynced(random);
    }
    /** What makes the bytes durable, once they are written. */
    function beginDurably(bytes: Uint8Array, position: number): () => void {
      let finish = (): void => {};
      const some = Math.floor(random() * bytes.length);
      operate(
        "write",
        nameNow(),
        () => finish = file.beginDurableWrite(bytes, position),
        () => file.write(bytes.subarray(0, some), position),
      );
      return finish;
    }
    return {
      get size(): number {
        return file.size;
      },
      write(bytes: Uint8Array, position: number): void {
        // A write that fails may have written some: a full disk fills first.
        const some = Math.floor(random() * bytes.length);
        operate(
          "write",
          nameNow(),
          () => file.write(bytes, position),
          () => file.write(bytes.subarray(0, some), position),
        );
      },
      read: file.read.bind(file),
      async sync(): Promise<void> {
        const finish = file.beginSync();
        await syncDelay?.();
        operate("sync", nameNow(), finish, lose);
      },
      writeDurably(bytes: Uint8Array, position: number): void {
        const finish = beginDurably(bytes, position);
        operate("sync", nameNow(), finish, lose);
      },
      async writeDurablySoon(
        bytes: Uint8Array,
        position: number,
      ): Promise<void> {
        const finish = beginDurably(bytes, position);
        await syncDelay?.();
        operate("sync", nameNow(), finish, lose);
      },
      close(): void {},
    };
  }

  #nameOf(file: SimulatedFile): string {
    for (const [name, found] of this.#names) {
      if (found === file) return name;
    }
    return "(removed)";
  }

  #find(name: string): SimulatedFile {
    const file = this.#names.get(name);
    if (file === undefined) {
      throw new DiskError("ENOENT", `Cannot open ${name}`);
    }
    return file;
  }

  #change(kind: DiskOperation["kind"], name: string, change: NameChange): void {
    this.#operate(kind, name, () => {
      change(this.#names);
      this.#nameChanges.push(change);
    });
  }

  #operate(
    kind: DiskOperation["kind"],
    name: string,
    run: () => void,
    fail: () => void = () => {},
  ): void {
    const operation = { kind, name, index: this.#operationCount++ };
    const code = this.#options.fault?.(operation);
    if (code !== undefined) {
      fail();
      throw new DiskError(code, `Cannot ${kind} ${name}`);
    }
    run();
    this.#options.onOperation?.(operation);
  }
}
