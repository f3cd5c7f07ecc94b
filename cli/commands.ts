/**
 * All commands, in the order in which help lists them.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { pluginAddCommand } from "./commands/plugin_add.ts";
import { pluginListCommand } from "./commands/plugin_list.ts";
import { pluginVerifyCommand } from "./commands/plugin_verify.ts";
import { serveCommand } from "./commands/serve.ts";
import { snapshotCreateCommand } from "./commands/snapshot_create.ts";
import { snapshotListCommand } from "./commands/snapshot_list.ts";
import { statusCommand } from "./commands/status.ts";
import { snapshotRetireCommand } from "./commands/snapshot_retire.ts";
import { startCommand } from "./commands/start.ts";
import { discoverCommand } from "./commands/discover.ts";
import { benchCommand } from "./commands/bench.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { pingCommand } from "./commands/ping.ts";
import { targetAddCommand } from "./commands/target_add.ts";
import { targetClearCommand } from "./commands/target_clear.ts";
import { targetGrowCommand } from "./commands/target_grow.ts";
import { targetListCommand } from "./commands/target_list.ts";
import { targetRemoveCommand } from "./commands/target_remove.ts";
import { checkCommand } from "./commands/check.ts";
import { cloneCommand } from "./commands/clone.ts";
import { copyCommand } from "./commands/copy.ts";
import { diffCommand } from "./commands/diff.ts";
import { estimateCommand } from "./commands/estimate.ts";
import { exportCommand } from "./commands/export.ts";
import { historyCommand } from "./commands/history.ts";
import { importCommand } from "./commands/import.ts";
import { restoreCommand } from "./commands/restore.ts";
import { volumeCreateCommand } from "./commands/volume_create.ts";
import { volumeGrowCommand } from "./commands/volume_grow.ts";
import { volumeListCommand } from "./commands/volume_list.ts";
import { volumeRenameCommand } from "./commands/volume_rename.ts";
import { volumeRetireCommand } from "./commands/volume_retire.ts";
import { volumeUnretireCommand } from "./commands/volume_unretire.ts";
import { rebuildCommand } from "./commands/rebuild.ts";
import { salvageCommand } from "./commands/salvage.ts";
import { repairCommand } from "./commands/repair.ts";
import { scrubCommand } from "./commands/scrub.ts";
import { statsCommand } from "./commands/stats.ts";
import { storeStatsCommand } from "./commands/store_stats.ts";
import { storeValidateCommand } from "./commands/store_validate.ts";
import { versionCommand } from "./commands/version.ts";

/** Every command. */
export const COMMANDS: readonly Command[] = [
  startCommand,
  serveCommand,
  statusCommand,
  targetListCommand,
  targetAddCommand,
  targetRemoveCommand,
  targetGrowCommand,
  targetClearCommand,
  discoverCommand,
  pingCommand,
  benchCommand,
  snapshotCreateCommand,
  snapshotListCommand,
  snapshotRetireCommand,
  historyCommand,
  diffCommand,
  cloneCommand,
  restoreCommand,
  volumeListCommand,
  volumeCreateCommand,
  volumeGrowCommand,
  volumeRenameCommand,
  volumeRetireCommand,
  volumeUnretireCommand,
  importCommand,
  exportCommand,
  copyCommand,
  estimateCommand,
  statsCommand,
  checkCommand,
  scrubCommand,
  repairCommand,
  rebuildCommand,
  salvageCommand,
  inspectCommand,
  storeStatsCommand,
  storeValidateCommand,
  pluginAddCommand,
  pluginListCommand,
  pluginVerifyCommand,
  versionCommand,
];
