/**
 * What a load is, and whom it is for.
 *
 * @module
 */

/** What to ask of a server, and how. */
export interface Load {
  /** What the requests do. */
  readonly kind: "read" | "write";
  /** Sectors of each request. */
  readonly sectorsPerRequest: number;
  /** Requests on the way at any time. */
  readonly outstanding: number;
  /** One after the other, or anywhere in the region (multiples of a request). */
  readonly order: "sequential" | "random";
  /** Sectors, from the first one, that the load touches. */
  readonly regionSectors: number;
  /** It ends after so long, */
  readonly durationMs: number;
  /** or after so many requests, if that is said. */
  readonly requestsMax?: number;
  /** What is written: a pattern, which compresses well, random bytes, or half of each block random. */
  readonly content?: "pattern" | "random" | "half";
  /** Writes begin to repeat after so many; never when absent. */
  readonly distinctRequests?: number;
}

/** A shelf and a slot. */
export interface TargetAddress {
  /** 0 to 65534 */
  readonly shelf: number;
  /** 0 to 254 */
  readonly slot: number;
}
