/**
 * The argument of the command "MAC mask list" (AoEr11 section 3.3): reads or
 * edits the list of addresses that a target listens to.
 *
 * ```text
 *   24             25             26             27
 *  +--------------+--------------+--------------+--------------+
 *  |   reserved   |     MCmd     |    MError    |  Dir count   |
 *  +--------------+--------------+--------------+--------------+
 *  |  Directives, 8 bytes each ...
 *
 *   0              1              2              3
 *  +--------------+--------------+--------------+--------------+
 *  |   reserved   |     DCmd     |   Ethernet address          |
 *  +--------------+--------------+                             +
 *  |                                                           |
 *  +--------------+--------------+--------------+--------------+
 * ```
 *
 * @module
 */

import { FrameFormatError, HEADER_LENGTH, MAC_LENGTH } from "./header.ts";

/** Bytes of the argument before the directives. */
const MASK_ARGUMENT_LENGTH: number = 1 + 1 + 1 + 1;

/** Where the directives start. */
const MASK_DIRECTIVES_OFFSET: number = HEADER_LENGTH +
  MASK_ARGUMENT_LENGTH;

/** Bytes of a directive. */
const MASK_DIRECTIVE_LENGTH: number = 1 + 1 + MAC_LENGTH;

/**
 * Most addresses of a mask, 185: what a response carries at the MTU of plain
 * Ethernet, 1500 bytes behind the first 14. The count field would allow 255.
 */
export const MASK_ENTRIES_MAX: number = Math.floor(
  (1514 - MASK_DIRECTIVES_OFFSET) / MASK_DIRECTIVE_LENGTH,
);

/** Where the fields lie in a frame. */
export const MaskOffset = {
  /** Reserved. */
  Reserved: 24,
  /** Sub-command. */
  Command: 25,
  /** Error of the sub-command, in a response. */
  Error: 26,
  /** Directives that follow, or in an error the index of the one that failed. */
  DirectiveCount: 27,
} as const;

/** Where the fields lie in a directive. */
export const DirectiveOffset = {
  /** Reserved. */
  Reserved: 0,
  /** What to do with the address. */
  Command: 1,
  /** The address, 6 bytes. */
  Mac: 2,
} as const;

/** Sub-commands. */
export const MaskCommand = {
  /** Answer with the list. */
  Read: 0,
  /** Carry out the directives, then answer with the list. */
  Edit: 1,
} as const;

/** Values of the error field. It does not go with the E flag of the header. */
export const MaskError = {
  /** No error. */
  None: 0,
  /** An error without a code of its own. */
  Unspecified: 1,
  /** A directive is not known. */
  BadDirective: 2,
  /** The list holds no more addresses. */
  ListFull: 3,
} as const;

/** Commands of a directive. */
export const DirectiveCommand = {
  /** Nothing. */
  None: 0,
  /** Add the address, no error if it is there. */
  Add: 1,
  /** Remove the address, no error if it is not there. */
  Delete: 2,
} as const;

/** One change of the list, or in a response one entry. */
export interface MaskDirective {
  /** What to do; 0 in the entries of a response. */
  readonly command: number;
  /** The address, 6 bytes. */
  readonly mac: Uint8Array;
}

/** The argument as a value. */
export interface MaskArgument {
  /** Sub-command. */
  readonly command: number;
  /** Error of the sub-command; 0 in a request. */
  readonly error: number;
  /** Dir count as it stands in the frame; with an error an index. */
  readonly directiveCount: number;
  /** Directives; of an error response as many as the frame has room for. */
  readonly directives: readonly MaskDirective[];
}

/** Directives that a frame announces, or -1 when they are not all there. */
export function maskDirectiveCount(frame: Uint8Array, length: number): number {
  if (length < MASK_DIRECTIVES_OFFSET) return -1;
  const count = frame[MaskOffset.DirectiveCount]!;
  return maskFrameLength(count) <= length ? count : -1;
}

/** Bytes of a frame with this many directives. */
export function maskFrameLength(directiveCount: number): number {
  return MASK_DIRECTIVES_OFFSET + directiveCount * MASK_DIRECTIVE_LENGTH;
}

/** Where a directive starts, counted from 0. */
export function directiveOffset(index: number): number {
  return maskFrameLength(index);
}

/**
 * Decodes the argument of a frame, copying the addresses. In an error response
 * Dir count does not tell how many directives follow, so that all the frame
 * has room for are decoded, its padding too.
 *
 * @throws {FrameFormatError} when the frame is cut off.
 */
export function decodeMaskArgument(
  frame: Uint8Array,
  length: number = frame.length,
): MaskArgument {
  const announced = maskDirectiveCount(frame, length);
  if (announced < 0) {
    throw new FrameFormatError(
      `Cannot decode MAC mask argument: frame of ${length} bytes is cut off`,
    );
  }
  const error = frame[MaskOffset.Error]!;
  const count = error === MaskError.None
    ? announced
    : Math.floor((length - MASK_DIRECTIVES_OFFSET) / MASK_DIRECTIVE_LENGTH);
  return {
    command: frame[MaskOffset.Command]!,
    error,
    directiveCount: announced,
    directives: Array.from({ length: count }, (_, i) => decodeAt(frame, i)),
  };
}

/**
 * Writes every byte of the argument behind the header in `frame` and returns
 * the length of the frame.
 *
 * @throws {RangeError} when there are more than 255 directives.
 */
export function encodeMaskArgument(
  frame: Uint8Array,
  argument: MaskArgument,
): number {
  const { directives } = argument;
  if (directives.length > 0xff) {
    throw new RangeError(
      `Cannot encode MAC mask: ${directives.length} directives, at most 255 can be counted`,
    );
  }
  frame[MaskOffset.Reserved] = 0;
  frame[MaskOffset.Command] = argument.command;
  frame[MaskOffset.Error] = argument.error;
  frame[MaskOffset.DirectiveCount] = argument.directiveCount;
  directives.forEach(({ command, mac }, index) => {
    const at = directiveOffset(index);
    frame[at + DirectiveOffset.Reserved] = 0;
    frame[at + DirectiveOffset.Command] = command;
    frame.set(mac, at + DirectiveOffset.Mac);
  });
  return maskFrameLength(directives.length);
}

function decodeAt(frame: Uint8Array, index: number): MaskDirective {
  const at = directiveOffset(index);
  const mac = at + DirectiveOffset.Mac;
  return {
    command: frame[at + DirectiveOffset.Command]!,
    mac: frame.slice(mac, mac + MAC_LENGTH),
  };
}
