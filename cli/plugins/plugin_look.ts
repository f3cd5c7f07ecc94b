/**
 * Looks at a plugin's module as it is now, for `plugin add` and
 * `plugin verify`: never from the cache, and without running it here.
 *
 * @module
 */

import type { PluginOption } from "../../blobstores/plugin.ts";
import { moduleAddress, readModule } from "../../plugins/module_bytes.ts";
import { sha256Hex } from "../../plugins/pin.ts";
import { isPackage } from "../../plugins/package_lock.ts";
import { lookAtPackage } from "./package_look.ts";
import {
  describePlugin,
  type DescribeResult,
  SELF_CONTAINED,
} from "./plugin_describe.ts";

/** A module as it is now. */
export interface PluginLook {
  /** Its address as the operator wrote it. */
  readonly module: string;
  /** Where a redirect led. */
  readonly redirectedTo?: string;
  /** How many bytes it has; absent for a package. */
  readonly sizeBytes?: number;
  /** SHA-256 of them, in hexadecimal digits; absent for a package. */
  readonly sha256?: string;
  /** Of a package: the hash in the lock file. */
  readonly integrity?: string;
  /** Of a package: how many packages the lock file pins for it, itself included. */
  readonly packageCount?: number;
  /** What it says of itself. */
  readonly described: DescribeResult;
}

/** Reads a module and asks it what it is. */
export async function lookAtPlugin(module: string): Promise<PluginLook> {
  if (isPackage(module)) return { module, ...await lookAtPackage(module) };
  const read = await readModule(moduleAddress(module));
  const { bytes, redirectedTo } = read;
  return {
    module,
    ...(redirectedTo === undefined ? {} : { redirectedTo }),
    sizeBytes: bytes.length,
    sha256: await sha256Hex(bytes),
    described: await describePlugin({
      name: module,
      bytes,
      flags: SELF_CONTAINED,
    }),
  };
}

/** Options as lines for people. */
export function optionLines(
  options: readonly PluginOption[] | undefined,
): string[] {
  const rows = (options ?? []).map((option) => ({
    name: option.name,
    kind: [
      option.type,
      ...(option.required ? ["required"] : []),
      ...(option.secret ? ["secret"] : []),
    ].join(", "),
    description: option.description,
  }));
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  const kindWidth = Math.max(0, ...rows.map(({ kind }) => kind.length));
  return rows.map(({ name, kind, description }) =>
    `${name.padEnd(width)}  ${kind.padEnd(kindWidth)}  ${description}`
  );
}
