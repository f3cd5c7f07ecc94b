/**
 * A store that nothing is written to.
 *
 * @module
 */

import {
  BlobError,
  type BlobStore,
  type Capabilities,
  type FoundRanges,
  type KeyedRange,
  type OperationOptions,
} from "../blob_store.ts";
import { StoreLayer } from "./layer.ts";

const REASON = "it was opened to be read only";

/** Refuses every put, and has no hold: another server may be the holder. */
export class ReadOnlyStore extends StoreLayer {
  override readonly capabilities: Capabilities;

  /** Takes over `store`. */
  constructor(store: BlobStore) {
    super(store, true);
    this.capabilities = {
      ...store.capabilities,
      createExclusive: false,
      createExclusiveFault: `${REASON}. Leave out read-only to write to it`,
      hold: false,
    };
  }

  protected override takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    return this.store.getRanges!(ranges, options);
  }

  override put(key: string): Promise<void> {
    return Promise.reject(
      new BlobError(
        `Cannot put ${JSON.stringify(key)} in ${this.display}: ${REASON}`,
        { code: "PermissionDenied" },
      ),
    );
  }
}
