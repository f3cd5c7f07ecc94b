/**
 * Native code for hashing and compressing, where it loads: the one file that
 * asks for it. Without it everything works the same, only slower. Nothing
 * here asks the user for a permission: what is not granted is not used.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { createPortableLz4, type Lz4 } from "../../cas/codec/lz4.ts";
import {
  createWasmHasher,
  type Hasher,
  type PlainHasher,
  withPlainHash,
} from "../../cas/score.ts";

/** Where systems keep liblz4. Absolute, because a scoped `--allow-ffi` takes a bare name for a file in the working directory. */
const LZ4_PATHS: readonly string[] = [
  "/usr/lib/x86_64-linux-gnu/liblz4.so.1",
  "/usr/lib/aarch64-linux-gnu/liblz4.so.1",
  "/usr/lib64/liblz4.so.1",
  "/usr/lib/liblz4.so.1",
  "/opt/homebrew/lib/liblz4.1.dylib",
  "/usr/local/lib/liblz4.1.dylib",
];

/** What the package asks for while it looks for the library of this system. */
const NATIVE_HASH_NEEDS = ["ffi", "read", "env", "sys"] as const;

/** What the package gives for text. */
const HASH_TEXT = { alphabet: "base64url" } as const;

const LZ4_SYMBOLS = {
  LZ4_compress_default: {
    parameters: ["buffer", "buffer", "i32", "i32"],
    result: "i32",
  },
  LZ4_decompress_safe: {
    parameters: ["buffer", "buffer", "i32", "i32"],
    result: "i32",
  },
} as const;

/** The implementations chosen for this process; their names say which. */
export interface CodecChoice {
  /** Computes scores and plain hashes. */
  readonly hasher: Hasher;
  /** Compresses and decompresses. */
  readonly lz4: Lz4;
  /** Lets go of native libraries; neither may be used afterwards. */
  close(): void;
}

/** LZ4 from a library. */
export interface NativeLz4 extends Lz4 {
  /** Lets go of the library. */
  close(): void;
}

/** The fastest implementations that load. */
export async function chooseCodec(): Promise<CodecChoice> {
  const wasm = await createWasmHasher();
  const plain = await loadNativePlainHash();
  const hasher = plain === undefined ? wasm : withPlainHash(wasm, plain);
  const native = loadNativeLz4();
  return {
    hasher,
    lz4: native ?? createPortableLz4(),
    close: () => native?.close(),
  };
}

/**
 * Plain BLAKE3 in native code; undefined where it does not load. It is asked for
 * text: bytes would come in memory of their own, which costs more than to hash
 * a block (of a block 1.6 us in all instead of 2.5, 2026-11).
 */
export async function loadNativePlainHash(): Promise<PlainHasher | undefined> {
  if (!NATIVE_HASH_NEEDS.every((name) => isGranted({ name }))) return undefined;
  try {
    const { blake3UrlSafeBase64 } = await import("@napi-rs/blake-hash");
    const textOf = (bytes: Uint8Array): string => {
      const { buffer, byteOffset, byteLength } = bytes;
      // A copy of a shared block: native code must not read what another thread may write.
      const input = buffer instanceof ArrayBuffer
        ? Buffer.from(buffer, byteOffset, byteLength)
        : Buffer.from(bytes);
      return blake3UrlSafeBase64(input);
    };
    return {
      name: "@napi-rs/blake-hash",
      hash: (bytes) => Uint8Array.fromBase64(textOf(bytes), HASH_TEXT),
      hashInto(bytes, target): void {
        target.setFromBase64(textOf(bytes), HASH_TEXT);
      },
    };
  } catch {
    return undefined;
  }
}

/** LZ4 from the system's liblz4; undefined where it does not load. */
export function loadNativeLz4(): NativeLz4 | undefined {
  for (const path of LZ4_PATHS) {
    if (!isGranted({ name: "ffi", path })) continue;
    try {
      return nativeLz4(path);
    } catch {
      continue;
    }
  }
  return undefined;
}

function nativeLz4(path: string): NativeLz4 {
  const library = Deno.dlopen(path, LZ4_SYMBOLS);
  const { symbols } = library;
  const shared = new Uint8Array(BLOCK_SIZE);
  return {
    name: path,
    compress(source, target): number {
      return symbols.LZ4_compress_default(
        ownMemory(source, shared),
        target as Uint8Array<ArrayBuffer>,
        source.length,
        target.length,
      );
    },
    decompress(source, target): number {
      const length = symbols.LZ4_decompress_safe(
        ownMemory(source, shared),
        target as Uint8Array<ArrayBuffer>,
        source.length,
        target.length,
      );
      return length < 0 ? -1 : length;
    },
    close: () => library.close(),
  };
}

/** `bytes`, or a copy of them when they lie in shared memory: native code must not read what another thread may write. */
function ownMemory(
  bytes: Uint8Array,
  scratch: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (bytes.buffer instanceof ArrayBuffer) {
    return bytes as Uint8Array<ArrayBuffer>;
  }
  if (bytes.length > scratch.length) return new Uint8Array(bytes);
  scratch.set(bytes);
  return scratch;
}

function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
