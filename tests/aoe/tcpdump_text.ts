/**
 * What tcpdump says of a frame (`tcpdump -e -vv -n -t`), made from the values
 * that the project's own decoders find in it.
 *
 * @module
 */

import {
  type AoeHeader,
  decodeAtaArgument,
  decodeConfigArgument,
  decodeHeader,
  decodeMaskArgument,
  decodeReserveArgument,
  formatMac,
} from "../../aoe/mod.ts";

const ERRORS = [
  "",
  "Unrecognized command code",
  "Bad argument parameter",
  "Device unavailable",
  "Config string present",
  "Unsupported version",
  "Target is reserved",
];
const COMMANDS = [
  "Issue ATA Command",
  "Query Config Information",
  "MAC Mask List",
  "Reserve/Release",
];
const CONFIG_COMMANDS = [
  "read config string",
  "test config string",
  "test config string prefix",
  "set config string",
  "force set config string",
];
const MASK_COMMANDS = ["Read Mac Mask List", "Edit Mac Mask List"];
const MASK_ERRORS = [
  "Unknown (0x00)",
  "Unspecified Error",
  "Bad DCmd directive",
  "Mask list full",
];
const DIRECTIVES = [
  "No Directive",
  "Add mac address to mask list",
  "Delete mac address from mask list",
];
const RESERVE_COMMANDS = [
  "Read reserve list",
  "Set reserve list",
  "Force set reserve list",
];

/** The lines of tcpdump for a frame of version 1 as it is on the wire. */
export function tcpdumpText(frame: Uint8Array): string[] {
  const header = decodeHeader(frame);
  const { length } = frame;
  const first =
    `${formatMac(header.source)} > ${formatMac(header.destination)}, ` +
    `ethertype AoE (0x88a2), length ${length}: AoE length ${length - 14}, ` +
    `Ver ${header.version}, Flags: [${flagsText(header)}]`;
  const error = (header.flags & 4) === 0
    ? []
    : [`Error: ${ERRORS[header.error]}`];
  const command = COMMANDS[header.command] ??
    `Unknown (0x${hex(header.command, 2)})`;
  const address = `Major: 0x${hex(header.shelf, 4)}, Minor: 0x${
    hex(header.slot, 2)
  }, Command: ${command}, Tag: 0x${hex(header.tag, 8)}`;
  return [first, ...error, address, ...argumentText(header, frame)];
}

function argumentText({ command }: AoeHeader, frame: Uint8Array): string[] {
  switch (command) {
    case 0:
      return ataText(frame);
    case 1:
      return configText(frame);
    case 2:
      return maskText(frame);
    case 3:
      return reserveText(frame);
    default:
      return [];
  }
}

function ataText(frame: Uint8Array): string[] {
  const argument = decodeAtaArgument(frame);
  const flags = [
    ...(argument.flags & 0x40 ? ["Ext48"] : []),
    ...(argument.flags & 0x10 ? ["Device"] : []),
    ...(argument.flags & 0x02 ? ["Async"] : []),
    ...(argument.flags & 0x01 ? ["Write"] : []),
  ];
  const lba = Array.from(
    { length: 6 },
    (_, i) => `lba${i}: ${Math.floor(argument.lba / 2 ** (8 * i)) % 256}`,
  );
  return [
    `AFlags: [${
      flags.join(", ") || "none"
    }], Err/Feature: ${argument.errorFeature}, ` +
    `Sector Count: ${argument.sectorCount}, Cmd/Status: ${argument.commandStatus}`,
    lba.join(", "),
    `Data: ${frame.length - 36} bytes`,
  ];
}

function configText(frame: Uint8Array): string[] {
  const argument = decodeConfigArgument(frame);
  const { configString } = argument;
  const first =
    `Buffer Count: ${argument.bufferCount}, Firmware Version: ${argument.firmwareVersion}, ` +
    `Sector Count: ${argument.sectorCount}, AoE: ${argument.version}, ` +
    `CCmd: ${CONFIG_COMMANDS[argument.command]}`;
  if (configString.length === 0) return [first];
  const string = new TextDecoder().decode(configString);
  return [first, `Config String (length ${string.length}): ${string}`];
}

function maskText(frame: Uint8Array): string[] {
  const argument = decodeMaskArgument(frame);
  return [
    `MCmd: ${MASK_COMMANDS[argument.command]}, ` +
    `MError: ${
      MASK_ERRORS[argument.error]
    }, Dir Count: ${argument.directiveCount}`,
    // Of an error, tcpdump takes the index for the count.
    ...argument.directives.slice(0, argument.directiveCount).map((it) =>
      ` DCmd: ${DIRECTIVES[it.command]}, Ethernet Address: ${formatMac(it.mac)}`
    ),
  ];
}

function reserveText(frame: Uint8Array): string[] {
  const { command, macs } = decodeReserveArgument(frame);
  return [
    `RCmd: ${RESERVE_COMMANDS[command]}, NMacs: ${macs.length}`,
    ...macs.map((mac, i) => `Ethernet Address ${i}: ${formatMac(mac)}`),
  ];
}

function flagsText({ flags }: AoeHeader): string {
  const names = [
    ...(flags & 8 ? ["Response"] : []),
    ...(flags & 4 ? ["Error"] : []),
  ];
  return names.join(", ") || "none";
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
