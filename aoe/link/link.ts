/**
 * A link: one network interface, seen as a place where Ethernet frames of
 * ethertype 0x88a2 arrive and leave. The real one is libpcap; the in-process
 * pair and the fault-injecting one serve tests and tools.
 *
 * The shape follows the frame loop: `wait()` once, then `drain()` everything
 * that came without a promise or an allocation per frame, `send()` the replies
 * and `flush()` them together.
 *
 * @module
 */

/** Shortest Ethernet frame, without its checksum; shorter ones are padded. */
export const FRAME_LENGTH_MIN = 60;

/** Bytes of the Ethernet header, which an MTU does not include. */
export const ETHERNET_HEADER_LENGTH = 14;

/**
 * Takes one received frame. `frame` is borrowed: it is valid only until the
 * handler returns, and only its first `length` bytes are the frame.
 */
export type FrameHandler = (frame: Uint8Array, length: number) => void;

/** Counters since the link was opened. */
export interface LinkStatistics {
  /** Frames handed to a handler. */
  framesReceived: number;
  /** Frames sent. */
  framesSent: number;
  /** Frames the capture lost because they were not drained in time. */
  framesDropped: number;
  /** Frames that could not be sent. */
  sendErrors: number;
}

/**
 * One network interface, as it was when the link was opened: of another MTU or
 * address, or made anew under the same name, it needs another link.
 */
export interface Link {
  /** The interface's name, for messages. */
  readonly name: string;
  /** The interface's own address, 6 bytes; read-only for the caller. */
  readonly mac: Uint8Array;
  /** Bytes of payload behind the Ethernet header. */
  readonly mtu: number;
  /** Live counters. */
  readonly statistics: Readonly<LinkStatistics>;
  /** True once `close()` was called or the interface is gone for good. */
  readonly closed: boolean;

  /**
   * Resolves as soon as frames may be waiting, or when the link was closed.
   * Never rejects because of a passing condition of the interface.
   */
  wait(): Promise<void>;

  /**
   * Hands up to `frameCountMax` waiting frames to `handler`, one after the
   * other, without yielding, and returns how many. 0 means that none waits.
   */
  drain(handler: FrameHandler, frameCountMax: number): number;

  /**
   * Queues the first `length` bytes of `frame` to be sent, padded to 60 bytes;
   * the bytes are copied or sent before it returns. False when the frame was
   * dropped: the network may always lose a frame, so nobody needs to retry.
   */
  send(frame: Uint8Array, length: number): boolean;

  /** Sends what `send` queued. */
  flush(): void;

  /** Stops the link; a pending `wait()` resolves. Safe to call twice. */
  close(): void;
}
