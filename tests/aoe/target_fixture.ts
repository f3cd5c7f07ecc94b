/**
 * A target on a recording link with a scripted device.
 *
 * @module
 */

import {
  type AoeHeader,
  type AtaArgument,
  type ConfigArgument,
  decodeAtaArgument,
  decodeConfigArgument,
  decodeHeader,
  Port,
  Target,
  type TargetOptions,
} from "../../aoe/mod.ts";
import { RecordingLink } from "./recording_link.ts";
import { ScriptedDevice } from "./scripted_device.ts";

export interface TargetFixture {
  readonly target: Target;
  readonly device: ScriptedDevice;
  readonly link: RecordingLink;
  readonly port: Port;
  /** Hands over a request and takes everything sent because of it. */
  ask(frame: Uint8Array, length?: number): Uint8Array[];
}

export function targetFixture(
  options: Partial<TargetOptions> & { mtu?: number } = {},
): TargetFixture {
  const { mtu, ...targetOptions } = options;
  const device = new ScriptedDevice();
  const target = new Target({ shelf: 1, slot: 0, device, ...targetOptions });
  const link = new RecordingLink(mtu);
  const port = new Port(link);
  return {
    target,
    device,
    link,
    port,
    ask(frame, length = frame.length): Uint8Array[] {
      target.handle(port, frame, length);
      return link.take();
    },
  };
}

/** The only reply among `replies`. */
export function only(replies: readonly Uint8Array[]): Uint8Array {
  if (replies.length !== 1) throw new Error(`got ${replies.length} replies`);
  return replies[0]!;
}

/** Status and error register of the only reply, after checking that it has no E flag. */
export function ataOutcome(
  replies: readonly Uint8Array[],
): { status: number; error: number } {
  const { header, argument } = ataReply(only(replies));
  if (header.flags !== 0x08) throw new Error(`flags are ${header.flags}`);
  return { status: argument.commandStatus, error: argument.errorFeature };
}

export function ataReply(
  frame: Uint8Array,
): { header: AoeHeader; argument: AtaArgument; bytes: Uint8Array } {
  return {
    header: decodeHeader(frame),
    argument: decodeAtaArgument(frame),
    bytes: frame.subarray(36),
  };
}

export function configReply(
  frame: Uint8Array,
): { header: AoeHeader; argument: ConfigArgument } {
  return {
    header: decodeHeader(frame),
    argument: decodeConfigArgument(frame),
  };
}
