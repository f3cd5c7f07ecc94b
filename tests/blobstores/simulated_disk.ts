/**
 * A disk in memory that can lose its power or its process at any operation.
 * After a loss of power every name and every byte that was not synced is there
 * or not, each by its own throw of the dice.
 *
 * @module
 */

import type {
  FileLock,
  FileReader,
  FileStatus,
  FileSystem,
  FileWriter,
  FolderEntry,
} from "../../blobstores/file_system.ts";

type Operation = Exclude<keyof FileSystem, "status"> | "write" | "sync";

interface FileNode {
  kind: "file";
  bytes: Uint8Array;
  syncedLength: number;
}

interface FolderNode {
  kind: "folder";
  names: Map<string, Node>;
  syncedNames: Map<string, Node>;
}

type Node = FileNode | FolderNode;

/** Throws a dice: a number from 0 up to, not including, 1. */
export type Dice = () => number;

/** A disk's error, as the operating system would report it. */
export class DiskError extends Error {
  readonly code: string;
  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${operation} ${path}`);
    this.code = code;
  }
}

/** The machine stopped: no operation of this disk comes back any more. */
export class CutError extends Error {}

export class SimulatedDisk implements FileSystem {
  /** How many operations that change the disk there were. */
  operationCount = 0;
  /** The machine stops before the operation with this number. */
  cutAt: number = Infinity;
  /** Files can have two names. */
  links = true;
  /** Files can be written past the system's memory. */
  direct = false;
  /** What it answers to files that are to be written so, where that is an error. */
  directFault: string | undefined;
  /** Called before an operation; may throw a `DiskError`. */
  before: (operation: Operation, path: string) => void = () => {};
  /** Called after an operation took effect; may throw a `DiskError`. */
  after: (operation: Operation, path: string) => void = () => {};
  /** Operations that do nothing, to show that a test would notice. */
  readonly broken: Set<Operation> = new Set();
  readonly #locks = new Set<string>();
  #root: FolderNode;

  constructor(root: FolderNode = newFolder()) {
    this.#root = root;
  }

  /** The same machine after its process was killed: nothing is lost. */
  afterKill(): SimulatedDisk {
    return this.#successor(this.#root);
  }

  /** The same machine after a loss of power. */
  afterPowerLoss(dice: Dice): SimulatedDisk {
    const survivors = new Map<Node, Node>();
    return this.#successor(survive(this.#root, dice, survivors) as FolderNode);
  }

  async create(path: string): Promise<FileWriter> {
    await this.#step("create", path);
    const { folder, name } = this.#place(path, "create");
    if (folder.names.has(name)) throw new DiskError("EEXIST", "create", path);
    const file: FileNode = {
      kind: "file",
      bytes: new Uint8Array(0),
      syncedLength: 0,
    };
    folder.names.set(name, file);
    this.after("create", path);
    return {
      write: async (bytes): Promise<void> => {
        await this.#step("write", path);
        const grown = new Uint8Array(file.bytes.length + bytes.length);
        grown.set(file.bytes);
        grown.set(bytes, file.bytes.length);
        file.bytes = grown;
        this.after("write", path);
      },
      sync: async (): Promise<void> => {
        await this.#step("sync", path);
        if (!this.broken.has("sync")) file.syncedLength = file.bytes.length;
        this.after("sync", path);
      },
      close: (): void => {},
    };
  }

  async createDirect(path: string): Promise<FileWriter | undefined> {
    if (this.directFault !== undefined) {
      throw new DiskError(this.directFault, "create", path);
    }
    const file = await this.create(path);
    return this.direct ? file : undefined;
  }

  async open(path: string): Promise<FileReader> {
    await this.#look("open", path);
    const node = this.#find(path);
    if (node === null) throw new DiskError("ENOENT", "open", path);
    return {
      // deno-lint-ignore require-await -- rejects instead of throwing
      size: async () => (node.kind === "file" ? node.bytes.length : 4096),
      // deno-lint-ignore require-await -- rejects instead of throwing
      read: async (target, offset): Promise<number> => {
        if (node.kind !== "file") throw new DiskError("EISDIR", "read", path);
        const part = node.bytes.subarray(offset, offset + target.length);
        target.set(part);
        return part.length;
      },
      close: (): void => {},
    };
  }

  async link(path: string, newPath: string): Promise<void> {
    await this.#step("link", newPath);
    if (!this.links) throw new DiskError("EPERM", "link", newPath);
    const node = this.#find(path);
    if (node === null) throw new DiskError("ENOENT", "link", path);
    const { folder, name } = this.#place(newPath, "link");
    if (folder.names.has(name)) throw new DiskError("EEXIST", "link", newPath);
    folder.names.set(name, node);
    this.after("link", newPath);
  }

  async rename(path: string, newPath: string): Promise<void> {
    await this.#step("rename", newPath);
    const source = this.#place(path, "rename");
    const node = source.folder.names.get(source.name);
    if (node === undefined) throw new DiskError("ENOENT", "rename", path);
    const { folder, name } = this.#place(newPath, "rename");
    if (folder.names.get(name)?.kind === "folder") {
      throw new DiskError("EISDIR", "rename", newPath);
    }
    folder.names.set(name, node);
    source.folder.names.delete(source.name);
    this.after("rename", newPath);
  }

  async remove(path: string): Promise<void> {
    await this.#step("remove", path);
    const { folder, name } = this.#place(path, "remove");
    const node = folder.names.get(name);
    if (node === undefined) throw new DiskError("ENOENT", "remove", path);
    if (node.kind === "folder" && node.names.size > 0) {
      throw new DiskError("ENOTEMPTY", "remove", path);
    }
    folder.names.delete(name);
    this.after("remove", path);
  }

  async makeFolder(path: string): Promise<void> {
    await this.#step("makeFolder", path);
    const { folder, name } = this.#place(path, "makeFolder");
    if (folder.names.has(name)) {
      throw new DiskError("EEXIST", "makeFolder", path);
    }
    folder.names.set(name, newFolder());
    this.after("makeFolder", path);
  }

  async readFolder(path: string): Promise<FolderEntry[]> {
    await this.#look("readFolder", path);
    const node = this.#find(path);
    if (node === null) throw new DiskError("ENOENT", "readFolder", path);
    if (node.kind === "file") throw new DiskError("ENOTDIR", "read", path);
    return [...node.names].map(([name, { kind }]) => ({ name, kind }));
  }

  async syncFolder(path: string): Promise<void> {
    await this.#step("syncFolder", path);
    const node = this.#find(path);
    if (node?.kind !== "folder") {
      throw new DiskError("ENOENT", "syncFolder", path);
    }
    if (!this.broken.has("syncFolder")) node.syncedNames = new Map(node.names);
    this.after("syncFolder", path);
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async status(path: string): Promise<FileStatus | null> {
    if (this.operationCount > this.cutAt) throw new CutError(path);
    const node = this.#find(path);
    if (node === null) return null;
    if (node.kind === "folder") {
      return { isFile: false, size: 4096, linkCount: 1 };
    }
    return {
      isFile: true,
      size: node.bytes.length,
      linkCount: countNames(this.#root, node),
    };
  }

  async lock(path: string): Promise<FileLock | null> {
    await this.#look("lock", path);
    const { folder, name } = this.#place(path, "lock");
    if (!folder.names.has(name)) {
      folder.names.set(name, {
        kind: "file",
        bytes: new Uint8Array(0),
        syncedLength: 0,
      });
    }
    if (this.#locks.has(path)) return null;
    this.#locks.add(path);
    let held = true;
    return {
      release: (): void => {
        if (held) this.#locks.delete(path);
        held = false;
      },
    };
  }

  /** Counts an operation that changes the disk, and cuts where it is due. */
  async #step(operation: Operation, path: string): Promise<void> {
    // The cut stays: nothing of a machine that stopped comes back.
    this.operationCount += 1;
    await this.#look(operation, path);
  }

  async #look(operation: Operation, path: string): Promise<void> {
    await Promise.resolve();
    if (this.operationCount > this.cutAt) throw new CutError(path);
    this.before(operation, path);
  }

  #successor(root: FolderNode): SimulatedDisk {
    const disk = new SimulatedDisk(root);
    disk.links = this.links;
    for (const operation of this.broken) disk.broken.add(operation);
    return disk;
  }

  #find(path: string): Node | null {
    let node: Node | undefined = this.#root;
    for (const part of path.split("/").filter((part) => part !== "")) {
      node = node?.kind === "folder" ? node.names.get(part) : undefined;
    }
    return node ?? null;
  }

  #place(
    path: string,
    operation: Operation,
  ): { folder: FolderNode; name: string } {
    const cut = path.lastIndexOf("/");
    const folder = this.#find(path.slice(0, cut));
    if (folder === null) throw new DiskError("ENOENT", operation, path);
    if (folder.kind === "file") throw new DiskError("ENOTDIR", operation, path);
    return { folder, name: path.slice(cut + 1) };
  }
}

function newFolder(): FolderNode {
  return { kind: "folder", names: new Map(), syncedNames: new Map() };
}

function countNames(folder: FolderNode, wanted: Node): number {
  let count = 0;
  for (const node of folder.names.values()) {
    if (node === wanted) count += 1;
    if (node.kind === "folder") count += countNames(node, wanted);
  }
  return count;
}

function survive(node: Node, dice: Dice, survivors: Map<Node, Node>): Node {
  const known = survivors.get(node);
  if (known !== undefined) return known;
  const survivor = node.kind === "file" ? surviveFile(node, dice) : newFolder();
  survivors.set(node, survivor);
  if (node.kind === "file" || survivor.kind === "file") return survivor;
  const { names, syncedNames } = node;
  for (const name of new Set([...names.keys(), ...syncedNames.keys()])) {
    const now = names.get(name);
    const synced = syncedNames.get(name);
    const kept = now === synced || dice() < 0.5 ? synced : now;
    if (kept === undefined) continue;
    survivor.names.set(name, survive(kept, dice, survivors));
  }
  survivor.syncedNames = new Map(survivor.names);
  return survivor;
}

/** What was not synced is there in part, or as zeros. */
function surviveFile(file: FileNode, dice: Dice): FileNode {
  const unsynced = file.bytes.length - file.syncedLength;
  const length = file.syncedLength + Math.floor(dice() * (unsynced + 1));
  const bytes = file.bytes.slice(0, length);
  if (dice() < 0.5) bytes.fill(0, file.syncedLength);
  return { kind: "file", bytes, syncedLength: length };
}
