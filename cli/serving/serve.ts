/**
 * `serve`: puts links, targets and archive together and runs until told to
 * stop.
 *
 * @module
 */

import { PcapLink } from "../../aoe/link/pcap.ts";
import { InterfaceWatch } from "../../aoe/link/pcap_watch.ts";
import { AoeServer } from "../../aoe/server.ts";
import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { shownUrl } from "../../blobstores/shown_url.ts";
import type { EventSink } from "../../cas/events.ts";
import { openArchiveOnThread } from "../archive/archive_worker.ts";
import { type ControlServer, serveControl } from "./control.ts";
import { ExitStatus } from "../exit_status.ts";
import { Interfaces } from "./interfaces.ts";
import { ensureKeptClone } from "./kept_clone.ts";
import { performOperation } from "./operation.ts";
import type { Output } from "../output/output.ts";
import { controlHandler } from "./serve_control.ts";
import type { ServeOptions } from "../options/serve_options.ts";
import { scheduleScrubs } from "./scrub_scheduler.ts";
import {
  refuseSchedulesWithoutVolume,
  SnapshotScheduler,
} from "./snapshot_scheduler.ts";
import { ServedTargets } from "./served_targets.ts";
import { describeServerEvent } from "./server_events.ts";
import { openServingArchive, type ServingArchive } from "./serving_archive.ts";
import { StopSignals } from "./stop_signals.ts";
import { TargetStates } from "./target_states.ts";

/** How often interfaces are looked at. */
const LOOK_INTERVAL_MS = 1000;

/** Serves until a signal; the exit status. Throws what keeps it from serving. */
export async function serve(
  options: ServeOptions,
  output: Output,
): Promise<number> {
  using signals = new StopSignals();
  const onEvent: EventSink = (event) => output.event(event);
  const server = new AoeServer({
    serveWithoutLinks: true,
    onEvent: (event) => onEvent(describeServerEvent(event)),
  });
  const watch = new InterfaceWatch();
  const interfaces = new Interfaces({
    wishes: options.interfaces,
    names: () => watch.names(),
    look: (name) => watch.facts(name),
    open: (name) => new PcapLink(name),
    use: (link) => server.addLink(link),
    drop: (link) => server.removeLink(link),
    advertise: () => server.advertise(),
    repeat: (look) => {
      const timer = setInterval(look, LOOK_INTERVAL_MS);
      return () => clearInterval(timer);
    },
    onEvent,
  });
  try {
    interfaces.start();
    const archive = await openServingArchive({
      storeUrl: options.store,
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.plugins === undefined ? {} : { plugins: options.plugins }),
      ...(options.storeSettings === undefined
        ? {}
        : { storeSettings: options.storeSettings }),
      ...(options.remote?.maxLagMs === undefined
        ? {}
        : { maxLagMs: options.remote.maxLagMs }),
      ...(options.memoryBytes === undefined
        ? {}
        : { memoryBytes: options.memoryBytes }),
      create: options.create,
      openPort: openArchiveOnThread,
      access: options.readOnly ? "read" : "serve",
      onEvent,
    });
    await run({ options, server, interfaces, archive, signals, onEvent });
  } finally {
    interfaces.stop();
    watch.close();
    await server.close();
  }
  onEvent({ event: "stopped", severity: "info", message: "Stopped" });
  return ExitStatus.Done;
}

interface Running {
  readonly options: ServeOptions;
  readonly server: AoeServer;
  readonly interfaces: Interfaces;
  readonly archive: ServingArchive;
  readonly signals: StopSignals;
  readonly onEvent: EventSink;
}

/** Serves an open archive, and closes it whatever happens. */
async function run(running: Running): Promise<void> {
  const { options, server, interfaces, archive, signals, onEvent } = running;
  const { front, port, state, controlPath } = archive;
  let control: ControlServer | undefined;
  let states: TargetStates | undefined;
  let targets: ServedTargets | undefined;
  let scheduling: Promise<void> | undefined;
  let scrubbing: Promise<void> | undefined;
  const stopping = new AbortController();
  try {
    states = TargetStates.open(state?.targetsPath, onEvent);
    targets = new ServedTargets({
      server,
      sources: {
        openVolume: async (request, how) => {
          const device = await front.openVolume(request, how);
          return { device, release: () => front.closeVolume(device) };
        },
        followVolume: (volume) => front.followVolume(volume),
        ensureClone: (clone) => ensureKeptClone(archive, clone),
        growVolume: async (volume, blockCount) => {
          const request = { volume, blockCount };
          await performOperation(archive, "volume grow", request);
        },
        readOnly: options.readOnly ?? false,
        ...(state === undefined ? {} : { scratchPath: state.scratchPath }),
        onEvent,
      },
      states,
      onEvent,
    });
    for (const option of options.targets) {
      await targets.add(option, options.create);
    }
    const { schedules = [] } = options;
    const operator: Pick<ArchiveOperator, "operate"> = {
      operate: (name, request) => performOperation(archive, name, request),
    };
    // Behind the targets, which make volumes.
    await refuseSchedulesWithoutVolume(schedules, operator);
    const scheduler = new SnapshotScheduler({
      schedules,
      archive: operator,
      clock: systemClock,
      onEvent,
    });
    scheduling = scheduler.run(stopping.signal);
    scrubbing = options.scrub && scheduleScrubs({
      schedule: options.scrub,
      archive: port,
      clock: systemClock,
      onEvent,
    }, stopping.signal);
    if (controlPath !== undefined) {
      const store = shownUrl(options.store);
      const things = { store, archive, targets, interfaces, scheduler };
      control = serveControl(controlPath, controlHandler(things));
    }
    const ended = server.run();
    for (const target of targets.list()) {
      targets.announce(target, interfaces.open);
    }
    // What waits for an answer gets none, also while the server stops: the disks
    // may be another server's.
    port.lost.then(() => server.abandon());
    const lost = await Promise.race([signals.stopped, ended, port.lost]);
    if (lost instanceof Error) throw lost;
    onEvent({
      event: "stopping",
      severity: "info",
      message: options.readOnly === true
        ? "Stopping"
        : "Stopping: folding what is in the journal into the archive; once more to leave at once, which loses nothing",
    });
  } finally {
    control?.close();
    stopping.abort();
    interfaces.stop();
    await server.close();
    await targets?.close();
    await states?.close();
    await archive.close();
    // Behind it: a step that waits for a store is ended by the close.
    await scrubbing;
    await scheduling;
  }
}
