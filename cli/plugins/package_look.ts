/**
 * Looks at an npm package as its registry has it now: downloads it into a folder
 * of its own, where Deno compares it with the lock file, and compares it with
 * what Deno has kept, which it does not look at again when it is imported.
 *
 * @module
 */

import { BlobError } from "../../blobstores/blob_store.ts";
import { requirePinned } from "../../plugins/package_module.ts";
import { describePlugin, type DescribeResult } from "./plugin_describe.ts";

/** How long a download may take. */
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** A package as its registry has it. */
export interface PackageLook {
  /** Its hash in the lock file. */
  readonly integrity: string;
  /** Packages that the lock file pins for it, itself included. */
  readonly packageCount: number;
  /** What it says of itself. */
  readonly described: DescribeResult;
}

/**
 * Downloads a pinned package and asks it what it is. Rejects with
 * `InvalidConfig` if it is not pinned, or not as pinned.
 */
export async function lookAtPackage(module: string): Promise<PackageLook> {
  const pinned = requirePinned(module);
  const { integrity, packageCount, lockText, programPath } = pinned;
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-package-" });
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, "{}");
    await Deno.writeTextFile(`${folder}/deno.lock`, lockText);
    await copyIfThere(`${programPath}/.npmrc`, `${folder}/.npmrc`);
    const flags = [
      `--config=${folder}/deno.json`,
      `--lock=${folder}/deno.lock`,
      "--frozen",
      "--node-modules-dir=none",
    ];
    const kept = `${folder}/kept`;
    const env = { DENO_DIR: kept };
    await download(module, flags, env);
    await compareKept(module, `${kept}/npm`, new URL(pinned.entryUrl));
    const described = await describePlugin({
      name: module,
      bytes: new Uint8Array(),
      flags: [...flags, "--cached-only"],
      env,
    });
    return { integrity, packageCount, described };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function download(
  module: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...flags, module],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS),
  }).output();
  if (success) return;
  const found = new TextDecoder().decode(stderr).trim()
    .replace(/\n\s*Stack backtrace:[^]*$/, "");
  const reason = found === "" ? "it did not come in time" : found;
  throw failure(module, `it does not come as pinned: ${reason}`);
}

/** Compares what was downloaded with what Deno has kept of the same packages. */
async function compareKept(
  module: string,
  folder: string,
  entry: URL,
): Promise<void> {
  const entryPath = decodeURIComponent(entry.pathname);
  const paths = await filesBelow(folder);
  const own = paths.find((path) => entryPath.endsWith(`/npm/${path}`));
  const keptFolder = own === undefined
    ? undefined
    : entryPath.slice(0, -own.length - 1);
  if (keptFolder === undefined) {
    throw failure(module, `its module is not where Deno looks for it`);
  }
  // Not kept yet: what comes then is compared by Deno.
  if (await bytesOf(entryPath) === undefined) return;
  for (const path of paths) {
    const kept = await bytesOf(`${keptFolder}/${path}`);
    const fresh = await bytesOf(`${folder}/${path}`);
    const isSame = kept !== undefined && fresh !== undefined &&
      kept.length === fresh.length && kept.every((it, at) => it === fresh[at]);
    if (isSame) continue;
    throw failure(
      module,
      `what Deno has kept of it is not what the lock file pins: ` +
        `${keptFolder}/${path}. Remove the folder of that version, and look ` +
        `for whoever changed it`,
    );
  }
}

/** Files of packages, without those in which Deno notes what it knows of them. */
async function filesBelow(
  folder: string,
  path = "",
  isInside = false,
): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(`${folder}/${path}`));
  const isRoot = !isInside &&
    entries.some(({ name }) => name === "package.json");
  const found: string[] = [];
  for (const { name, isDirectory } of entries) {
    const inner = `${path}${name}`;
    const isNote = isRoot ? name.startsWith(".scripts-") : !isInside;
    if (isDirectory) {
      found.push(
        ...await filesBelow(folder, `${inner}/`, isInside || isRoot),
      );
    } else if (!isNote) found.push(inner);
  }
  return found;
}

async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function failure(module: string, reason: string): BlobError {
  return new BlobError(`Cannot use the plugin ${module}: ${reason}`, {
    code: "InvalidConfig",
  });
}
