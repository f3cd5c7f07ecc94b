/**
 * What `serve` was asked to do, from the command line, a TOML file, or both.
 *
 * @module
 */

import { parse } from "smol-toml";
import type { PluginEntry } from "../../plugins/configured.ts";
import {
  asArray,
  asBoolean,
  asString,
  refuseUnknownKeys,
} from "./config_values.ts";
import { parseMemory } from "../archive/memory_budget.ts";
import { joinPlugins, readPlugins } from "../plugins/plugin_config.ts";
import {
  readRemoteOptions,
  REMOTE_KEYS,
  type RemoteOptions,
  withRemoteOptions,
} from "./remote_options.ts";
import {
  parseSchedule,
  readSchedule,
  refuseSameSchedules,
  type Schedule,
} from "./schedule_option.ts";
import {
  parseStoreOptions,
  readStoreOptions,
  type StoreSettings,
} from "./store_settings.ts";
import { parseScrubSchedule, type ScrubSchedule } from "./scrub_option.ts";
import { readTarget } from "./target_config.ts";
import { parseTargetOption, type TargetOption } from "./target_option.ts";
import { UsageError } from "../usage_error.ts";

/** Everything `serve` needs to know. */
export interface ServeOptions {
  /** Names of network interfaces, at least one. */
  readonly interfaces: readonly string[];
  /** URL of the blob store. */
  readonly store: string;
  /** Folder of journal, index and caches, where not the default. */
  readonly state?: string;
  /** Make what is missing: the archive, volumes with a size. */
  readonly create: boolean;
  /** Open the archive without claiming it; another server may be writing it. */
  readonly readOnly?: boolean;
  /** How far the store may be behind, and what else was said of it. */
  readonly remote?: RemoteOptions;
  /** Bytes of memory to take, where not a tenth of the machine's. */
  readonly memoryBytes?: number;
  /** Print events as one JSON object a line. */
  readonly json: boolean;
  /** Targets, at least one, each address once. */
  readonly targets: readonly TargetOption[];
  /** Scrubs by the clock, where wanted. */
  readonly scrub?: ScrubSchedule;
  /** Snapshots by the clock, where any. */
  readonly schedules?: readonly Schedule[];
  /** Plugins that the operator allows, where any. */
  readonly plugins?: readonly PluginEntry[];
  /** What the layers around the store do, where not the default. */
  readonly storeSettings?: StoreSettings;
}

/** What the command line said; undefined where it was silent. */
export interface ServeFlags {
  /** `--interface`, repeated. */
  readonly interface?: readonly string[];
  /** `--store`. */
  readonly store?: string;
  /** `--state`. */
  readonly state?: string;
  /** `--create`. */
  readonly create?: boolean;
  /** `--read-only`. */
  readonly "read-only"?: boolean;
  /** `--follow`. */
  readonly follow?: boolean;
  /** `--flush`. */
  readonly flush?: string;
  /** `--max-lag`. */
  readonly "max-lag"?: string;
  /** `--memory`. */
  readonly memory?: string;
  /** `--json`. */
  readonly json?: boolean;
  /** `--target`, repeated. */
  readonly target?: readonly string[];
  /** `--scrub`. */
  readonly scrub?: string;
  /** `--schedule`, repeated. */
  readonly schedule?: readonly string[];
  /** `--plugin`, repeated. */
  readonly plugin?: readonly string[];
  /** `--store-option`, repeated. */
  readonly "store-option"?: readonly string[];
}

const FILE_KEYS = [
  "interfaces",
  "store",
  "state",
  "create",
  "read-only",
  ...REMOTE_KEYS,
  "memory",
  "json",
  "target",
  "schedule",
  "scrub",
  "plugins",
  "store-options",
];

/**
 * Joins flags and the text of a configuration file; a flag replaces what the
 * file says. Throws a `UsageError` that names what is wrong or missing.
 */
export function serveOptions(
  flags: ServeFlags,
  file?: { readonly path: string; readonly text: string },
): ServeOptions {
  const fromFile = file === undefined ? {} : parseConfig(file.path, file.text);
  const targets = flags.target?.map(parseTargetOption) ?? fromFile.targets;
  const interfaces = flags.interface ?? fromFile.interfaces;
  const needsArchive =
    targets?.some(({ volume, root }) =>
      volume !== undefined || root !== undefined
    ) ?? true;
  const store = flags.store ?? fromFile.store ??
    (needsArchive ? undefined : "memory:");
  const state = flags.state ?? fromFile.state;
  const plugins = joinPlugins(flags.plugin, fromFile.plugins);
  const storeSettings = {
    ...fromFile.storeSettings,
    ...parseStoreOptions(flags["store-option"] ?? []),
  };
  if (
    store === undefined && interfaces === undefined && targets === undefined
  ) {
    throw new UsageError(
      "Nothing to serve: write serve --interface eth1 --store file:/srv/archive --create --target 1.0=disk:64GiB, or serve --config FILE (see: main.ts help serve)",
    );
  }
  if (store === undefined) {
    throw new UsageError(
      "No store: add --store URL, such as --store file:./archive",
    );
  }
  if (interfaces === undefined || interfaces.length === 0) {
    throw new UsageError(
      "No interface: add --interface NAME (ip link lists them)",
    );
  }
  if (targets === undefined || targets.length === 0) {
    throw new UsageError(
      "No target: add --target SHELF.SLOT=VOLUME, such as --target 1.0=disk",
    );
  }
  refuseRepeated(
    targets.map(({ shelf, slot }) => `${shelf}.${slot}`),
    "target",
  );
  refuseRepeated(interfaces, "interface");
  const create = flags.create ?? fromFile.create ?? false;
  const readOnly = flags["read-only"] ?? fromFile.readOnly ?? false;
  if (create && readOnly) {
    throw new UsageError(
      "An archive that is only read cannot be made: leave out --create or --read-only",
    );
  }
  const schedules = flags.schedule?.map(parseSchedule) ??
    fromFile.schedules ?? [];
  refuseSameSchedules(schedules);
  if (readOnly && schedules.length > 0) {
    throw new UsageError(
      "A server that only reads makes no snapshots: leave out the schedules or --read-only",
    );
  }
  const scrub = flags.scrub === undefined
    ? fromFile.scrub
    : parseScrubSchedule(flags.scrub);
  const memoryBytes = flags.memory === undefined
    ? fromFile.memoryBytes
    : parseMemory(flags.memory);
  const remote = {
    ...fromFile.remote,
    ...readRemoteOptions({ ...flags }, (key) => `--${key}`),
  };
  return {
    interfaces,
    store,
    ...(state === undefined ? {} : { state }),
    create,
    ...(readOnly ? { readOnly } : {}),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    json: flags.json ?? fromFile.json ?? false,
    targets: targets.map((it) => withRemoteOptions(it, remote, readOnly)),
    ...(Object.keys(remote).length === 0 ? {} : { remote }),
    ...(schedules.length === 0 ? {} : { schedules }),
    ...(scrub === undefined ? {} : { scrub }),
    ...(plugins.length === 0 ? {} : { plugins }),
    ...(Object.keys(storeSettings).length === 0 ? {} : { storeSettings }),
  };
}

/** What a configuration file says. */
export type ConfigFile = Partial<Omit<ServeOptions, "targets">> & {
  readonly targets?: readonly TargetOption[];
};

/** Reads the configuration file at a path. Throws a `UsageError`. */
export function readConfigFile(path: string): ConfigFile {
  return parseConfig(path, configText(path));
}

/** The text of a configuration file. Throws a `UsageError`. */
export function configText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError(
      `Cannot read the configuration ${path}: ${(error as Error).message}`,
    );
  }
}

/** Reads a configuration file's text; unknown keys are errors, not ignored wishes. */
export function parseConfig(path: string, text: string): ConfigFile {
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    throw new UsageError(
      `Cannot read the configuration ${path}: ${(error as Error).message}`,
    );
  }
  refuseUnknownKeys(path, table, FILE_KEYS);
  const where = (key: string): string => `"${key}" in ${path}`;
  const { interfaces, store, state, create, json, target, plugins } = table;
  const { schedule, scrub, memory } = table;
  const readOnly = table["read-only"];
  const storeSettings = table["store-options"];
  const remote = readRemoteOptions(table, where);
  return {
    ...(interfaces === undefined ? {} : {
      interfaces: asArray(interfaces, where("interfaces")).map((name) =>
        asString(name, where("interfaces"))
      ),
    }),
    ...(store === undefined ? {} : { store: asString(store, where("store")) }),
    ...(state === undefined ? {} : { state: asString(state, where("state")) }),
    ...(create === undefined
      ? {}
      : { create: asBoolean(create, where("create")) }),
    ...(readOnly === undefined
      ? {}
      : { readOnly: asBoolean(readOnly, where("read-only")) }),
    ...(json === undefined ? {} : { json: asBoolean(json, where("json")) }),
    ...(Object.keys(remote).length === 0 ? {} : { remote }),
    ...(memory === undefined
      ? {}
      : { memoryBytes: parseMemory(asString(memory, where("memory"))) }),
    ...(target === undefined ? {} : {
      targets: asArray(target, where("target")).map((entry) =>
        readTarget(path, entry)
      ),
    }),
    ...(schedule === undefined ? {} : {
      schedules: asArray(schedule, where("schedule")).map((entry) =>
        readSchedule(path, entry)
      ),
    }),
    ...(scrub === undefined
      ? {}
      : { scrub: parseScrubSchedule(asString(scrub, where("scrub"))) }),
    ...(plugins === undefined ? {} : { plugins: readPlugins(path, plugins) }),
    ...(storeSettings === undefined
      ? {}
      : { storeSettings: readStoreOptions(path, storeSettings) }),
  };
}

function refuseRepeated(names: readonly string[], what: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new UsageError(
      `The ${what} ${repeated} is given twice: give it once`,
    );
  }
}
