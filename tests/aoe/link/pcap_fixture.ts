/** Frames and links for the scenarios of the libpcap link. */

import { PcapLink, type PcapLinkOptions } from "../../../aoe/link/pcap.ts";

/** Opens a link on each interface, and closes them in the end. */
export async function withLinks<Names extends string[]>(
  names: [...Names],
  use: (links: { [Index in keyof Names]: PcapLink }) => Promise<void>,
  options: PcapLinkOptions = {},
): Promise<void> {
  const links = names.map((name) => new PcapLink(name, options));
  try {
    await use(links as { [Index in keyof Names]: PcapLink });
  } finally {
    for (const link of links) link.close();
  }
}

const MARK_OFFSET = 14;

/** A frame of AoE's ethertype whose bytes differ from place to place. */
export function aoeFrame(
  source: PcapLink,
  target: PcapLink,
  length: number,
  mark = 1,
): Uint8Array {
  const frame = new Uint8Array(length);
  for (let i = 0; i < length; i++) frame[i] = (i * 7 + (i >> 8) + length) | 1;
  frame.set(target.mac, 0);
  frame.set(source.mac, 6);
  frame.set([0x88, 0xa2], 12);
  frame[MARK_OFFSET] = mark;
  return frame;
}

/** Copies of the next `count` frames. */
export async function nextFrames(
  link: PcapLink,
  count: number,
): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  while (frames.length < count && !link.closed) {
    await link.wait();
    link.drain((frame, length) => {
      frames.push(frame.slice(0, length));
    }, count - frames.length);
  }
  return frames;
}

/** Sends again and again until `link` has received a frame with `mark`. */
export async function receiveUntil(
  link: PcapLink,
  mark: number,
  send: () => void,
): Promise<void> {
  const sender = setInterval(send, 20);
  let received = false;
  while (!received && !link.closed) {
    await link.wait();
    link.drain((frame) => {
      received ||= frame[MARK_OFFSET] === mark;
    }, 64);
  }
  clearInterval(sender);
}
