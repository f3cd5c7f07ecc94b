/**
 * `serve`: puts links, targets and archive together and runs until told to
 * stop.
 *
 * @module
 */

import { SECTOR_SIZE } from "../aoe/block_device.ts";
import type { Link } from "../aoe/link/link.ts";
import { PcapLink } from "../aoe/link/pcap.ts";
import { AoeServer } from "../aoe/server.ts";
import { Target } from "../aoe/target.ts";
import type { ViewRequest } from "../cas/archive_port.ts";
import { BLOCK_SIZE } from "../cas/block_pool.ts";
import { openArchiveOnThread } from "./archive_worker.ts";
import {
  type ControlHandler,
  type ControlServer,
  serveControl,
} from "./control.ts";
import { ExitStatus } from "./exit_status.ts";
import type { Output } from "./output.ts";
import type { ServeOptions } from "./serve_options.ts";
import { openServingArchive, type ServingArchive } from "./serving_archive.ts";
import { formatSize } from "./size.ts";
import { StopSignals } from "./stop_signals.ts";
import { addressWarnings, type TargetOption } from "./target_option.ts";

/** Serves until a signal; the exit status. Throws what keeps it from serving. */
export async function serve(
  options: ServeOptions,
  output: Output,
): Promise<number> {
  using signals = new StopSignals();
  for (const { shelf, slot } of options.targets) {
    for (const message of addressWarnings(shelf, slot)) {
      output.event({ event: "address-warning", severity: "strange", message });
    }
  }
  const links = openLinks(options.interfaces);
  try {
    const archive = await openServingArchive({
      storeUrl: options.store,
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.plugins === undefined ? {} : { plugins: options.plugins }),
      create: options.create,
      openPort: openArchiveOnThread,
      access: "serve",
      onEvent: (event) => output.event(event),
    });
    return await run({ options, links, archive, signals, output });
  } finally {
    for (const link of links) link.close();
  }
}

/** Opens all links, or none. */
function openLinks(interfaces: readonly string[]): Link[] {
  const links: Link[] = [];
  try {
    for (const name of interfaces) links.push(new PcapLink(name));
    return links;
  } catch (error) {
    for (const link of links) link.close();
    throw error;
  }
}

interface Running {
  readonly options: ServeOptions;
  readonly links: readonly Link[];
  readonly archive: ServingArchive;
  readonly signals: StopSignals;
  readonly output: Output;
}

/** Serves an open archive, and closes it whatever happens. */
async function run(running: Running): Promise<number> {
  const { options, links, archive, signals, output } = running;
  const server = new AoeServer();
  let control: ControlServer | undefined;
  try {
    for (const option of options.targets) {
      server.addTarget(await openTarget(option, options, archive));
    }
    for (const link of links) server.addLink(link);
    if (archive.controlPath !== undefined) {
      control = serveControl(archive.controlPath, controlHandler(archive));
    }
    const ended = server.run();
    announce(running, server);
    const lost = await Promise.race([
      signals.stopped,
      ended,
      archive.port.lost,
    ]);
    if (lost instanceof Error) throw lost;
    output.event({
      event: "stopping",
      severity: "info",
      message:
        "Stopping: folding what is in the journal into the archive; once more to leave at once, which loses nothing",
    });
  } finally {
    control?.close();
    await server.close();
    await archive.close();
  }
  output.event({ event: "stopped", severity: "info", message: "Stopped" });
  return ExitStatus.Done;
}

/** Opens the disk of a target. */
async function openTarget(
  option: TargetOption,
  { create }: ServeOptions,
  { front }: ServingArchive,
): Promise<Target> {
  const { shelf, slot, volume, snapshot, root, sizeBytes } = option;
  const request: ViewRequest = {
    ...(volume === undefined ? {} : { volume }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(root === undefined ? {} : { root }),
    ...(create && sizeBytes !== undefined
      ? { createBlockCount: sizeBytes / BLOCK_SIZE }
      : {}),
  };
  const device = await front.openVolume(request);
  return new Target({ shelf, slot, device });
}

function announce(
  { options, links, output }: Running,
  server: AoeServer,
): void {
  const interfaces = links.map(({ name }) => name);
  server.targets.forEach(({ shelf, slot, device }, index) => {
    const option = options.targets[index];
    const disk = option?.root ?? option?.volume ?? "";
    const state = option?.snapshot === undefined ? "" : `@${option.snapshot}`;
    const sizeBytes = device.sectorCount * SECTOR_SIZE;
    output.event({
      event: "ready",
      severity: "info",
      message: `Serving ${disk}${state} (${formatSize(sizeBytes)}${
        device.readOnly ? ", read-only" : ""
      }) as target ${shelf}.${slot} on ${interfaces.join(", ")}`,
      target: `${shelf}.${slot}`,
      ...(option?.volume === undefined ? {} : { volume: option.volume }),
      ...(option?.snapshot === undefined ? {} : { snapshot: option.snapshot }),
      ...(option?.root === undefined ? {} : { root: option.root }),
      sizeBytes,
      readOnly: device.readOnly,
      interfaces,
    });
  });
}

/** What commands may ask of a running server. */
function controlHandler({ front, port }: ServingArchive): ControlHandler {
  return async ({ verb, volume, name }) => {
    switch (verb) {
      case "snapshot create":
        return await front.snapshot(String(volume), String(name));
      case "snapshot list":
        return await port.listSnapshots(
          typeof volume === "string" ? volume : undefined,
        );
      default:
        throw new TypeError(
          `The server does not know the request "${verb}": it may be older than the command`,
        );
    }
  };
}
