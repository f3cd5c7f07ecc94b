/**
 * Native code for hashing and compressing, where it loads: the one file that
 * asks for it. Without it everything works the same, only slower. Nothing
 * here asks the user for a permission: what is not granted is not used.
 *
 * @module
 */

import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { createPortableLz4, type Lz4 } from "../../cas/codec/lz4.ts";
import { createWasmHasher, type Hasher } from "../../cas/score.ts";
import { loadNativeHasher } from "./native_hash.ts";

/** Where systems keep liblz4. Absolute, because a scoped `--allow-ffi` takes a bare name for a file in the working directory. */
const LZ4_PATHS: readonly string[] = [
  "/usr/lib/x86_64-linux-gnu/liblz4.so.1",
  "/usr/lib/aarch64-linux-gnu/liblz4.so.1",
  "/usr/lib64/liblz4.so.1",
  "/usr/lib/liblz4.so.1",
  "/opt/homebrew/lib/liblz4.1.dylib",
  "/usr/local/lib/liblz4.1.dylib",
];

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
  const hasher = await loadNativeHasher(wasm) ?? wasm;
  const native = loadNativeLz4();
  return {
    hasher,
    lz4: native ?? createPortableLz4(),
    close: () => native?.close(),
  };
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
