/**
 * What the server of targets tells, for people and programs.
 *
 * @module
 */

import { formatMac } from "../../aoe/header.ts";
import type { AoeServerEvent } from "../../aoe/server_event.ts";
import type { ArchiveEvent } from "../../cas/events.ts";

/** An event of the server as a line of talk and an object. */
export function describeServerEvent(event: AoeServerEvent): ArchiveEvent {
  const { linkName } = event;
  switch (event.kind) {
    case "address-conflict": {
      const target = `${event.shelf}.${event.slot}`;
      const mac = formatMac(event.mac);
      return {
        event: event.kind,
        severity: "admin",
        message:
          `Target ${target} is served on ${linkName} by another host as well, ${mac}: initiators may write to either, give one of them another address`,
        target,
        mac,
        interface: linkName,
      };
    }
    case "frames-dropped":
      return {
        event: event.kind,
        severity: "strange",
        message:
          `Frames dropped on ${linkName}: ${event.lostFrames} came faster than they were taken, ${event.droppedFrames} were more than one host's share; initiators repeat them`,
        interface: linkName,
        lostFrames: event.lostFrames,
        droppedFrames: event.droppedFrames,
      };
    case "link-lost":
      return {
        event: event.kind,
        severity: "strange",
        message:
          `Interface ${linkName} is gone: serving on it again when it returns`,
        interface: linkName,
      };
  }
}
