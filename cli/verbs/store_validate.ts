/**
 * What `store validate` does and says.
 *
 * @module
 */

import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import {
  blobStoreChecks,
  type CheckOutcome,
  type RoundReport,
  type ThroughputReport,
  validateStore,
  type ValidationReport,
} from "../../blobstores/conformance.ts";
import { openStore } from "../../plugins/registry.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { pluginRegistry } from "../plugins/plugin_registry.ts";
import { formatSize } from "../output/size.ts";
import type { StoreChoice } from "../archive/store_opening.ts";
import { secretsOf } from "./store_secrets.ts";
import { UsageError } from "../usage_error.ts";

const WORDS: Readonly<Record<CheckOutcome["outcome"], string>> = {
  kept: "kept    ",
  broken: "BROKEN  ",
  skipped: "skipped ",
};

/** Validates a store; the exit status. */
export async function validateChosen(
  choice: StoreChoice,
  { create }: { readonly create: boolean },
  output: Output,
): Promise<number> {
  // As it is, without layers: what they hide is to be seen.
  const open = (): Promise<BlobStore> =>
    openStore(choice.store, {
      create,
      registry: pluginRegistry(choice.plugins, (event) => output.event(event)),
    });
  const prefix = `validate-${Date.now()}-${crypto.randomUUID().slice(0, 8)}/`;
  await requireWritable(open, prefix);
  const report = await validateStore({
    open,
    prefix,
    checks: blobStoreChecks,
    secrets: secretsOf(choice),
    nowMs: () => performance.now(),
    onCheck: ({ outcome, name, found }) =>
      output.line(
        WORDS[outcome] + name + (found === undefined ? "" : `: ${found}`),
      ),
  });
  for (const line of closingLines(report)) output.line(line);
  output.result(report);
  const isBroken = report.checks.some(({ outcome }) => outcome === "broken");
  return isBroken ? ExitStatus.Failed : ExitStatus.Done;
}

/** A store that is only for reading cannot be tried, and is not broken. */
async function requireWritable(
  open: () => Promise<BlobStore>,
  prefix: string,
): Promise<void> {
  const store = await open();
  try {
    const key = `${prefix}writable`;
    await store.put(key, new Uint8Array(1));
    await store.delete?.(key);
  } catch (error) {
    const code = blobErrorCode(error);
    if (code !== "Unsupported" && code !== "PermissionDenied") throw error;
    throw new UsageError(
      `Cannot validate ${store.display}, since nothing can be written to it: ${
        (error as Error).message
      }`,
    );
  } finally {
    await store.close();
  }
}

function closingLines(report: ValidationReport): string[] {
  const { checks, throughput, leftBehind, capabilities, display } = report;
  const broken = checks.filter(({ outcome }) => outcome === "broken").length;
  const lines = [
    "",
    broken === 0
      ? `${display} keeps every promise that it makes`
      : `${display} breaks ${broken} of ${
        counted(checks.length, "promise")
      }: no archive is safe there`,
  ];
  if (!capabilities.createExclusive) {
    lines.push(
      "It has no create-if-absent, so an archive there can only be read" +
        (capabilities.createExclusiveFault === undefined
          ? ""
          : `: ${capabilities.createExclusiveFault}`),
    );
  }
  if (throughput !== undefined) lines.push(...throughputLines(throughput));
  if (leftBehind !== undefined) {
    lines.push(
      `Left behind, since the store did not delete it: everything below ${leftBehind}`,
    );
  }
  return lines;
}

function throughputLines(report: ThroughputReport): string[] {
  const { readLatencyMs, writeLatencyMs, uploads, downloads } = report;
  const { concurrency, timeoutSeconds } = report.suggestions;
  return [
    `4 KiB alone: read in ${readLatencyMs.toFixed(1)} ms, stored in ${
      writeLatencyMs.toFixed(1)
    } ms`,
    ...ratesOf("stored", uploads),
    ...ratesOf("read", downloads),
    `Suggested: --store-option concurrency=${concurrency} --store-option timeout=${timeoutSeconds}`,
  ];
}

function ratesOf(what: string, rounds: readonly RoundReport[]): string[] {
  return rounds.map(({ concurrency, bytesPerSecond }) =>
    `16 MiB, ${concurrency} at once: ${what} ${formatSize(bytesPerSecond)}/s`
  );
}
