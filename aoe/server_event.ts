/**
 * What a server tells whoever runs it.
 *
 * @module
 */

/** Something that an operator should know of. */
export type AoeServerEvent =
  /**
   * Another host answers for, or advertises, an address that a target here
   * has. Told at most once a minute for each address.
   */
  | {
    readonly kind: "address-conflict";
    readonly shelf: number;
    readonly slot: number;
    /** The other host, 6 bytes. */
    readonly mac: Uint8Array;
    /** Where it was seen. */
    readonly linkName: string;
  }
  /**
   * Frames were lost before the server saw them, or dropped because one host
   * sent more than its share. Told at most every 10 seconds for each link.
   */
  | {
    readonly kind: "frames-dropped";
    readonly linkName: string;
    /** Lost by the link since the last time. */
    readonly lostFrames: number;
    /** Dropped by the server since the last time. */
    readonly droppedFrames: number;
  }
  /** A link closed by itself, for example because its interface is gone. */
  | { readonly kind: "link-lost"; readonly linkName: string };
