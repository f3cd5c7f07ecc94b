/**
 * Answers "MAC mask list" (AoEr11 section 3.3) for a target.
 *
 * @module
 */

import { AoeErrorCode } from "./header.ts";
import type { LiveState } from "./live_state.ts";
import type { MacList } from "./mac_list.ts";
import {
  DirectiveCommand,
  DirectiveOffset,
  directiveOffset,
  encodeMaskArgument,
  MASK_ENTRIES_MAX,
  MaskCommand,
  maskDirectiveCount,
  MaskError,
  maskFrameLength,
  MaskOffset,
} from "./mac_mask.ts";
import type { Port } from "./port.ts";
import type { ResponseBuffer } from "./response_buffer.ts";

/** Answers and carries out requests about the mask. */
export class MaskResponder {
  readonly #response: ResponseBuffer;
  readonly #state: LiveState;

  /** Makes its responses in `response`. */
  constructor(response: ResponseBuffer, state: LiveState) {
    this.#response = response;
    this.#state = state;
  }

  /** Answers a request. */
  handle(port: Port, frame: Uint8Array, length: number): void {
    const count = maskDirectiveCount(frame, length);
    const command = frame[MaskOffset.Command]!;
    if (count < 0 || command > MaskCommand.Edit) {
      return this.#response.refuse(port, frame, AoeErrorCode.BadArgument);
    }
    if (command === MaskCommand.Edit && count > 0) {
      const failed = this.#edit(port, frame, count);
      if (failed) return;
    }
    this.#response.begin(port, frame);
    const macs = this.#state.mask.toArray();
    this.#response.sendWhen(
      this.#state.kept(),
      port,
      encodeMaskArgument(this.#response.bytes, {
        command,
        error: MaskError.None,
        directiveCount: macs.length,
        directives: macs.map((mac) => ({
          command: DirectiveCommand.None,
          mac,
        })),
      }),
    );
  }

  /**
   * Carries out the directives in order; the first that fails ends it, is
   * answered, and those before it stay carried out. True if one failed.
   */
  #edit(port: Port, frame: Uint8Array, count: number): boolean {
    const { mask } = this.#state;
    let changed = false;
    let error: number = MaskError.None;
    let index = 0;
    for (; index < count; index++) {
      const before = mask.size;
      error = applyDirective(mask, frame, directiveOffset(index));
      if (error !== MaskError.None) break;
      changed ||= mask.size !== before;
    }
    if (changed) this.#state.changed();
    if (error === MaskError.None) return false;
    const length = maskFrameLength(count);
    this.#response.begin(port, frame, length);
    this.#response.bytes[MaskOffset.Reserved] = 0;
    this.#response.bytes[MaskOffset.Error] = error;
    // Counted from 0, as vblade does: the specification does not say.
    this.#response.bytes[MaskOffset.DirectiveCount] = index;
    this.#response.sendWhen(this.#state.kept(), port, length);
    return true;
  }
}

/** Returns the error, 0 for none. */
function applyDirective(mask: MacList, frame: Uint8Array, at: number): number {
  const macOffset = at + DirectiveOffset.Mac;
  switch (frame[at + DirectiveOffset.Command]) {
    case DirectiveCommand.None:
      return MaskError.None;
    case DirectiveCommand.Add:
      if (mask.size === MASK_ENTRIES_MAX && !mask.has(frame, macOffset)) {
        return MaskError.ListFull;
      }
      mask.add(frame, macOffset);
      return MaskError.None;
    case DirectiveCommand.Delete:
      mask.delete(frame, macOffset);
      return MaskError.None;
    default:
      return MaskError.BadDirective;
  }
}
