/**
 * The archive thread: scores, packs, tree and blob store, away from the frames.
 *
 * @module
 */

import { BlockPool } from "../../cas/block_pool.ts";
import type { ThreadEndpoint } from "../../cas/thread/messages.ts";
import { serveArchive } from "../../cas/thread/serve_archive.ts";
import { type ArchiveOpening, openArchiveHere } from "./archive_opening.ts";

const scope = globalThis as unknown as ThreadEndpoint;

serveArchive(
  scope,
  ({ config, memory }, onEvent) =>
    openArchiveHere(config as ArchiveOpening, new BlockPool(memory), onEvent),
);
