/**
 * What IDENTIFY tells of a disk of the archive.
 *
 * @module
 */

import type { ViewDescription } from "../archive_port.ts";
import type { DeviceIdentity } from "./volume.ts";

const MODEL = "Deepshelf";
const FIRMWARE = "0.1";
const SERIAL_LENGTH = 20;

/**
 * A volume has the serial of its id, a past state that of its root. One that is
 * followed has one of its own: it must never be taken for the volume itself,
 * which another server may show to the same host.
 */
export function diskIdentity(
  { volumeId, rootHash, readOnly }: ViewDescription,
  followed: boolean,
): DeviceIdentity {
  const past = followed ? `F${volumeId}` : rootHash;
  const serial = readOnly ? past : volumeId;
  return {
    model: MODEL,
    serial: serial.slice(0, SERIAL_LENGTH).toUpperCase(),
    firmware: FIRMWARE,
  };
}
