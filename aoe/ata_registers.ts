/**
 * The ATA commands that touch no sectors and need nothing of the device: power
 * management, SET FEATURES and SMART.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaFeature,
  ataFrameLength,
  AtaOffset,
  SMART_SIGNATURE,
} from "./ata.ts";

/** CHECK POWER MODE: active or idle. */
const POWER_MODE_ACTIVE = 0xff;

/**
 * Carries out the command in `frame`, whose success stands in the 36 bytes of
 * `reply` already, and returns the bytes of the reply; 0 when the command is
 * to be aborted.
 */
export function answerFromRegisters(
  frame: Uint8Array,
  reply: Uint8Array,
): number {
  switch (frame[AtaOffset.CommandStatus]) {
    case AtaCommand.CheckPowerMode:
    case AtaCommand.CheckPowerModeOld:
      reply[AtaOffset.SectorCount] = POWER_MODE_ACTIVE;
      return ATA_DATA_OFFSET;
    // There is no motor to stop and nothing unwritten to save: what has been
    // acknowledged is durable already.
    case AtaCommand.Idle:
    case AtaCommand.IdleOld:
    case AtaCommand.IdleImmediate:
    case AtaCommand.IdleImmediateOld:
    case AtaCommand.Standby:
    case AtaCommand.StandbyOld:
    case AtaCommand.StandbyImmediate:
    case AtaCommand.StandbyImmediateOld:
    case AtaCommand.Sleep:
    case AtaCommand.SleepOld:
      return ATA_DATA_OFFSET;
    case AtaCommand.SetFeatures:
      // To enable the cache that does not exist would be a lie.
      return frame[AtaOffset.ErrorFeature] === AtaFeature.DisableWriteCache
        ? ATA_DATA_OFFSET
        : 0;
    case AtaCommand.Smart:
      return answerSmart(frame, reply);
    default:
      // NOP among them: ATA wants it aborted.
      return 0;
  }
}

function answerSmart(frame: Uint8Array, reply: Uint8Array): number {
  const signature = frame[AtaOffset.Lba + 1]! | frame[AtaOffset.Lba + 2]! << 8;
  if (signature !== SMART_SIGNATURE) return 0;
  switch (frame[AtaOffset.ErrorFeature]) {
    case AtaFeature.SmartReadData:
      // No attributes, no self-tests; zeros add up to the checksum of zero.
      reply.fill(0, ATA_DATA_OFFSET, ataFrameLength(1));
      return ataFrameLength(1);
    case AtaFeature.SmartEnable:
    // The signature that came along says that no threshold is exceeded.
    case AtaFeature.SmartReturnStatus:
      return ATA_DATA_OFFSET;
    default:
      return 0;
  }
}
