/**
 * A reader of archives, written from docs/format.md alone: it imports nothing of
 * this project. It knows a folder of blobs, and finds, verifies and restores a
 * volume from it, without an index and without any state of a server.
 */

import { blake3 } from "@noble/hashes/blake3.js";

const BLOCK_SIZE = 4096;
const SCORE_SIZE = 32;
const SCORES_PER_POINTER = 128;
const ROOT_KIND = 128;
/** Bytes of a score that a directory entry has, by the last character of both magics. */
const ENTRY_SCORE_SIZE: Readonly<Record<string, number>> = { 1: 32, 2: 20 };
const ENTRY_PLACE_SIZE = 8;
const KEY_SIZE = 20;
const TRAILER_SIZE = 48;
const ROOT_RECORD_SIZE = 256;
const NULL_SCORE = "0".repeat(64);

interface Place {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
  readonly codec: number;
}

/** A directory entry. */
interface Entry {
  /** The first 20 bytes of the score, in hexadecimal. */
  readonly key: string;
  readonly offset: number;
  readonly length: number;
  readonly kind: number;
  readonly codec: number;
}

interface Root {
  readonly name: string;
  readonly depth: number;
  readonly blockCount: number;
  readonly tree: Uint8Array;
}

/** Restores volumes from a folder of blobs. */
export class IndependentReader {
  readonly #folder: string;
  /** By kind and the first 20 bytes of the score: "0 1f2e..." */
  readonly #places = new Map<string, Place>();
  readonly #packs = new Map<string, Uint8Array>();

  /** Reads every pack's directory. */
  constructor(folder: string) {
    this.#folder = folder;
    const format = this.#sealedText("format");
    const { type, version, blockSize, hash } = format;
    check(type === "deepshelf archive", "it is no archive");
    check(version === 1 && blockSize === BLOCK_SIZE, "another version");
    check(hash === "blake3", "another hash");
    for (const prefix of names(`${folder}/packs`)) {
      for (const name of names(`${folder}/packs/${prefix}`)) {
        check(name.startsWith(prefix), `pack ${name} lies in ${prefix}`);
        this.#readDirectory(name);
      }
    }
  }

  /** The content of a volume as its newest root has it. */
  restoreVolume(name: string): Uint8Array {
    for (const id of names(`${this.#folder}/roots`)) {
      const newest = names(`${this.#folder}/roots/${id}`).at(-1)!;
      const root = this.#rootBlob(`roots/${id}/${newest}`);
      if (root.name === name) return this.#restore(root);
    }
    throw new Error(`no volume ${name}`);
  }

  /** The content of a snapshot; it is found by its root's hash, in a pack. */
  restoreSnapshot(volume: string, snapshot: string): Uint8Array {
    for (const id of names(`${this.#folder}/names`)) {
      for (const name of names(`${this.#folder}/names/${id}`)) {
        const text = this.#sealedText(`names/${id}/${name}`);
        if (text.volume !== volume || name !== snapshot) continue;
        const hash = hexToBytes(String(text.rootHash));
        return this.#restore(decodeRoot(this.#block(ROOT_KIND, hash)));
      }
    }
    throw new Error(`no snapshot ${snapshot} of ${volume}`);
  }

  /** How many packs are in copies of the index, each found to hold what they say. */
  checkIndexCopies(): number {
    let count = 0;
    for (const name of names(`${this.#folder}/index`)) {
      const bytes = this.#blob(`index/${name}`);
      check(blake3(bytes).toHex() === name, `copy ${name} is damaged`);
      count += this.#checkCopy(bytes);
    }
    return count;
  }

  #checkCopy(bytes: Uint8Array): number {
    const view = viewOf(bytes);
    check(ascii(bytes, 0, 8) === "DSINDEX1", "it is no copy");
    const packCount = view.getUint32(12, true);
    const checked = 16 + 40 * packCount;
    const checksum = blake3(bytes.subarray(0, checked)).toHex();
    const head = bytes.subarray(checked, checked + 32).toHex();
    check(checksum === head, "its head is damaged");
    let at = checked + 32;
    for (let entry = 16; entry < checked; entry += 40) {
      const name = bytes.subarray(entry, entry + 32).toHex();
      const pack = this.#pack(name);
      check(view.getUint32(entry + 32, true) === pack.length, "another size");
      let offset = 16;
      const entries = directoryOf(pack, name);
      for (let left = view.getUint32(entry + 36, true); left > 0; left--) {
        const extent = view.getUint16(at + 20, true);
        const length = extent % 4096 + 1;
        const found = entries.shift();
        const key = bytes.subarray(at, at + KEY_SIZE).toHex();
        check(found?.key === key, "another block");
        check(found?.offset === offset, "another place");
        check(found?.length === length, "another length");
        check(found?.codec === extent >> 12, "another codec");
        offset += length;
        at += KEY_SIZE + 2;
      }
      check(entries.length === 0, "blocks are missing");
    }
    check(at === bytes.length, "it has another length");
    return packCount;
  }

  #restore({ depth, blockCount, tree }: Root): Uint8Array {
    const disk = new Uint8Array(blockCount * BLOCK_SIZE);
    const walk = (level: number, score: Uint8Array, first: number): void => {
      if (score.toHex() === NULL_SCORE) return;
      const block = this.#block(level, score);
      if (level === 0) {
        disk.set(block, first * BLOCK_SIZE);
        return;
      }
      const span = SCORES_PER_POINTER ** (level - 1);
      for (let entry = 0; entry < SCORES_PER_POINTER; entry++) {
        const at = entry * SCORE_SIZE;
        walk(
          level - 1,
          block.subarray(at, at + SCORE_SIZE),
          first + entry * span,
        );
      }
    };
    walk(depth, tree, 0);
    return disk;
  }

  /** A block by kind and score, verified. */
  #block(kind: number, score: Uint8Array): Uint8Array {
    const key = score.subarray(0, KEY_SIZE).toHex();
    const place = this.#places.get(`${kind} ${key}`);
    check(place !== undefined, `no pack has ${score.toHex()}`);
    const { pack, offset, length, codec } = place!;
    const stored = this.#pack(pack).subarray(offset, offset + length);
    check(codec === 0 || codec === 1, `codec ${codec}`);
    const block = codec === 0 ? stored : decompressLz4(stored);
    check(keyedHash(kind, block).toHex() === score.toHex(), "a wrong block");
    return block;
  }

  #readDirectory(name: string): void {
    for (const { kind, key, ...place } of directoryOf(this.#pack(name), name)) {
      this.#places.set(`${kind} ${key}`, { pack: name, ...place });
    }
  }

  #pack(name: string): Uint8Array {
    let bytes = this.#packs.get(name);
    if (bytes === undefined) {
      bytes = this.#blob(`packs/${name.slice(0, 2)}/${name}`);
      check(blake3(bytes).toHex() === name, `pack ${name} is damaged`);
      this.#packs.set(name, bytes);
    }
    return bytes;
  }

  #rootBlob(key: string): Root {
    const bytes = this.#blob(key);
    const packCount = viewOf(bytes).getUint32(ROOT_RECORD_SIZE, true);
    const end = 288 + 32 * packCount;
    check(bytes.length === end + 32, `${key} has another length`);
    const checksum = keyedHash(ROOT_KIND, bytes.subarray(0, end)).toHex();
    check(checksum === bytes.subarray(end).toHex(), `${key} is damaged`);
    return decodeRoot(bytes.subarray(0, ROOT_RECORD_SIZE));
  }

  #sealedText(key: string): Record<string, unknown> {
    const text = new TextDecoder().decode(this.#blob(key));
    const [line, seal, rest] = text.split("\n");
    check(rest === "", `${key} has more lines`);
    const hash = blake3(new TextEncoder().encode(line)).toHex();
    check(hash === seal, `${key} is damaged`);
    return JSON.parse(line!);
  }

  #blob(key: string): Uint8Array {
    return Deno.readFileSync(`${this.#folder}/${key}`);
  }
}

function directoryOf(pack: Uint8Array, name: string): Entry[] {
  const end = pack.length - TRAILER_SIZE;
  const version = ascii(pack, 6, 1);
  const scoreSize = ENTRY_SCORE_SIZE[version]!;
  check(scoreSize !== undefined, `${name} is of another version`);
  check(ascii(pack, 0, 8) === `DSPACK${version}\n`, `${name} begins otherwise`);
  const ending = ascii(pack, end + 40, 8);
  check(ending === `DSPKEND${version}`, `${name} ends otherwise`);
  const view = viewOf(pack);
  const directory = view.getUint32(end, true);
  const count = view.getUint32(end + 4, true);
  const entrySize = scoreSize + ENTRY_PLACE_SIZE;
  check(directory + count * entrySize === end, `${name} has another length`);
  const checksum = blake3(pack.subarray(directory, end + 8)).toHex();
  const expected = pack.subarray(end + 8, end + 40).toHex();
  check(checksum === expected, `the directory of ${name} is damaged`);
  return Array.from({ length: count }, (_, i) => {
    const at = directory + i * entrySize;
    const place = at + scoreSize;
    return {
      key: pack.subarray(at, at + KEY_SIZE).toHex(),
      offset: view.getUint32(place, true),
      length: view.getUint16(place + 4, true),
      kind: pack[place + 6]!,
      codec: pack[place + 7]!,
    };
  });
}

function decodeRoot(bytes: Uint8Array): Root {
  const view = viewOf(bytes);
  check(ascii(bytes, 0, 8) === "DSHFROOT", "it is no root");
  check(view.getUint16(8, true) === 1, "another version of root");
  check(view.getUint16(10, true) === ROOT_RECORD_SIZE, "another length");
  check(bytes[12] === ROOT_KIND && bytes[14] === 12, "another kind of root");
  check(bytes[15] === 1 && bytes[16] === 1, "another hash or codec");
  return {
    name: ascii(bytes, 192, bytes[17]!),
    depth: bytes[13]!,
    blockCount: Number(view.getBigUint64(24, true)),
    tree: bytes.slice(96, 96 + SCORE_SIZE),
  };
}

function keyedHash(kind: number, block: Uint8Array): Uint8Array {
  if (kind === 0) return blake3(block);
  const context = kind === ROOT_KIND
    ? "deepshelf v1 root"
    : `deepshelf v1 pointer level ${kind}`;
  const key = blake3(new Uint8Array(0), {
    context: new TextEncoder().encode(context),
  });
  return blake3(block, { key });
}

/** LZ4's block format: literals and matches by turns. */
function decompressLz4(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(BLOCK_SIZE);
  let from = 0;
  let to = 0;
  const more = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = input[from++]!;
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (from < input.length) {
    const token = input[from++]!;
    const literals = more(token >> 4);
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === input.length) break;
    const distance = input[from]! | input[from + 1]! << 8;
    from += 2;
    const length = more(token & 15) + 4;
    for (let i = 0; i < length; i++, to++) output[to] = output[to - distance]!;
  }
  check(to === BLOCK_SIZE, `a block of ${to} bytes`);
  return output;
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Cannot read the archive: ${what}`);
}
