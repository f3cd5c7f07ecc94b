/**
 * Where blocks stand in a hash table: neighbours side by side, 16 to a line of
 * the processor's cache, and the groups of 16 spread, so that no pattern of
 * reads or writes makes a table slow.
 *
 * @module
 */

const GROUP_BITS = 4;
/** Blocks that stand side by side. */
export const GROUP_SIZE: number = 1 << GROUP_BITS;
const GROUP_MASK: number = GROUP_SIZE - 1;
/** 2^32 divided by the golden ratio (Knuth, volume 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** Other odd numbers: for the upper bits of a group's number, and for salts. */
const SPREAD_HIGH = 0x85ebca6b;
const SPREAD_SALT = 0xc2b2ae35;

/** 32 bits, of which a table takes the lowest ones; another order for each salt. */
export function blockHash(block: number, salt: number): number {
  const group = Math.floor(block / GROUP_SIZE);
  const high = Math.floor(group / 2 ** 32);
  const mixed = Math.imul(
    group ^ Math.imul(high, SPREAD_HIGH) ^ Math.imul(salt, SPREAD_SALT),
    SPREAD,
  );
  // The upper bits are mixed best.
  const spread = mixed ^ (mixed >>> 15);
  return (spread << GROUP_BITS) | (block & GROUP_MASK);
}
