/**
 * How to wait when no frame is there: look again, block this thread, or leave
 * the thread and sleep on another one.
 *
 * Each costs less latency than the next, and harms something else. Looking
 * takes the processor, perhaps from the very peer whose frame is awaited;
 * blocking holds up the event loop, and with it the end of a sync that the
 * peer waits for; sleeping elsewhere takes 70 us and some 50 us of processor
 * time until the event loop is back, ten times what a blocked thread takes
 * (measured, 2026-11, two cores). None is right for all, so this remembers
 * what brought frames.
 *
 * @module
 */

/** Most looks in a row; one takes 0.2 us, so all take what a wake-up takes. */
const LOOKS_MAX = 256;
/** Fewest looks in a row. */
const LOOKS_MIN = 1;
/** Every so many waits the most looks are tried again. */
const WAITS_PER_PROBE = 64;

/** Most waits that leave the thread before one tries again to block it. */
const LEAVES_MAX = 256;

/** Remembers which way of waiting brought frames. */
export class Pace {
  #looks = LOOKS_MAX;
  #waits = 0;
  #leavesLeft = 0;
  #leavesPerMiss = 1;

  /** How often this wait should look; then tell how that ended. */
  looks(): number {
    this.#waits++;
    return this.#waits % WAITS_PER_PROBE === 0 ? LOOKS_MAX : this.#looks;
  }

  /** Looking brought a frame. */
  lookHit(): void {
    this.#looks = LOOKS_MAX;
  }

  /** Looking brought nothing. */
  lookMiss(): void {
    this.#looks = Math.max(this.#looks / 2, LOOKS_MIN);
  }

  /** Whether this wait should block the thread; then tell how that ended. */
  shouldBlock(): boolean {
    if (this.#leavesLeft === 0) return true;
    this.#leavesLeft--;
    return false;
  }

  /** Blocking brought a frame. */
  blockHit(): void {
    this.#leavesPerMiss = Math.max(1, this.#leavesPerMiss / 2);
  }

  /** Blocking brought nothing: the next waits leave, twice as many each time. */
  blockMiss(): void {
    this.#leavesPerMiss = Math.min(this.#leavesPerMiss * 2, LEAVES_MAX);
    this.#leavesLeft = this.#leavesPerMiss;
  }
}
