/**
 * A boot sector that shows what a machine's BIOS can do with its disk 0x80: it
 * reads a sector, prints the text there to the serial port, and writes what it
 * has read to another sector.
 */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";

/** Options of {@link bootSector}. */
export interface BootSectorOptions {
  /** The sector to read: a text in ASCII that ends with a zero byte. */
  readonly readLba: number;
  /** Where to write what was read. */
  readonly writeLba: number;
}

/** Printed after the text when the disk took the write. */
export const WRITTEN = "The disk took the write.";
/** Printed after the text when the disk refused the write. */
export const REFUSED = "The disk refused the write.";
/** Printed instead of the text when the sector could not be read. */
export const UNREADABLE = "The disk cannot be read.";

/** Where a BIOS puts the boot sector, and where this one reads to. */
const LOAD_ADDRESS = 0x7c00;
const BUFFER_ADDRESS = 0x7e00;

const READ_PACKET_OFFSET = 0x60;
const WRITE_PACKET_OFFSET = 0x70;
const TEXTS_OFFSET = 0x80;
const SIGNATURE_OFFSET = 510;

const encoder = new TextEncoder();

/** The sector: 512 bytes of 16-bit x86 code and what it needs. */
export function bootSector(options: BootSectorOptions): Uint8Array {
  const sector = new Uint8Array(SECTOR_SIZE);
  const addresses: number[] = [];
  let end = TEXTS_OFFSET;
  for (const text of [WRITTEN, REFUSED, UNREADABLE]) {
    const bytes = encoder.encode(`${text}\r\n\0`);
    addresses.push(LOAD_ADDRESS + end);
    sector.set(bytes, end);
    end += bytes.length;
  }
  sector.set(code(addresses[0]!, addresses[1]!, addresses[2]!));
  sector.set(diskPacket(options.readLba), READ_PACKET_OFFSET);
  sector.set(diskPacket(options.writeLba), WRITE_PACKET_OFFSET);
  sector.set([0x55, 0xaa], SIGNATURE_OFFSET);
  return sector;
}

/** The BIOS's description of one sector on disk and its place in memory. */
function diskPacket(lba: number): Uint8Array {
  const packet = new Uint8Array(16);
  const view = new DataView(packet.buffer);
  view.setUint8(0, packet.length);
  view.setUint16(2, 1, true);
  view.setUint16(4, BUFFER_ADDRESS, true);
  view.setUint16(6, 0, true);
  view.setBigUint64(8, BigInt(lba), true);
  return packet;
}

/** The program; the addresses are those of its texts. */
function code(
  written: number,
  refused: number,
  unreadable: number,
): Uint8Array {
  return Uint8Array.from([
    ...[0xfa], // 00 start: cli
    ...[0x31, 0xc0], // 01 xor ax, ax
    ...[0x8e, 0xd8], // 03 mov ds, ax
    ...[0x8e, 0xd0], // 05 mov ss, ax
    ...[0xbc, ...word(LOAD_ADDRESS)], // 07 mov sp, start
    ...[0xfb], // 0a sti
    ...[0xbe, ...word(LOAD_ADDRESS + READ_PACKET_OFFSET)], // 0b mov si, packet
    ...[0xb4, 0x42], // 0e mov ah, 0x42: extended read
    ...[0xcd, 0x13], // 10 int 0x13; DL is the disk that was booted from
    ...[0x72, 0x1f], // 12 jc failed
    ...[0x52], // 14 push dx
    ...[0xbe, ...word(BUFFER_ADDRESS)], // 15 mov si, buffer
    ...[0xe8, ...word(0x1d)], // 18 call print
    ...[0x5a], // 1b pop dx
    ...[0xfb], // 1c sti
    ...[0xbe, ...word(LOAD_ADDRESS + WRITE_PACKET_OFFSET)], // 1d mov si, packet
    ...[0xb8, ...word(0x4300)], // 20 mov ax, 0x4300: extended write
    ...[0xcd, 0x13], // 23 int 0x13
    ...[0xbe, ...word(written)], // 25 mov si, written
    ...[0x73, 0x03], // 28 jnc last
    ...[0xbe, ...word(refused)], // 2a mov si, refused
    ...[0xe8, ...word(0x08)], // 2d last: call print
    ...[0xf4], // 30 halt: hlt
    ...[0xeb, 0xfd], // 31 jmp halt
    ...[0xbe, ...word(unreadable)], // 33 failed: mov si, unreadable
    ...[0xeb, 0xf5], // 36 jmp last
    // Without interrupts, in which the BIOS may print to the same port.
    ...[0xfa], // 38 print: cli
    ...[0xac], // 39 next: lodsb
    ...[0x84, 0xc0], // 3a test al, al
    ...[0x74, 0x12], // 3c jz done
    ...[0x88, 0xc4], // 3e mov ah, al
    ...[0xba, ...word(0x3fd)], // 40 mov dx, line status of the serial port
    ...[0xec], // 43 busy: in al, dx
    ...[0xa8, 0x20], // 44 test al, 0x20: ready for a byte
    ...[0x74, 0xfb], // 46 jz busy
    ...[0xba, ...word(0x3f8)], // 48 mov dx, data of the serial port
    ...[0x88, 0xe0], // 4b mov al, ah
    ...[0xee], // 4d out dx, al
    ...[0xeb, 0xe9], // 4e jmp next
    ...[0xc3], // 50 done: ret
  ]);
}

/** A 16-bit number as x86 has it. */
function word(value: number): [number, number] {
  return [value & 0xff, value >> 8];
}
