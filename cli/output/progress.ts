/**
 * How far a long command is: a bar on a terminal, elsewhere now and then a
 * line, with `--json` an event.
 *
 * @module
 */

import type { ArchiveEvent } from "../../cas/events.ts";
import type { TransferProgress } from "../../cas/transfer/transfer_context.ts";
import type { Output } from "./output.ts";
import { formatSize } from "./size.ts";

/** How often the bar is drawn. */
const BAR_INTERVAL_MS = 100;
/** How often programs are told. */
const JSON_INTERVAL_MS = 1000;
/** How often a log gets a line. */
const LINE_INTERVAL_MS = 10_000;
const BAR_WIDTH_MAX = 30;
/** To the line's begin, and nothing on it. */
const CLEAR_LINE = "\r\x1b[K";

/** A terminal. */
export interface Terminal {
  /** Characters of a line. */
  columns(): number;
  /** Writes as it is. */
  write(text: string): void;
}

/** What a `Progress` works with. */
export interface ProgressOptions {
  /** What is done, such as "Importing disk.img". */
  readonly label: string;
  /** Where events and lines go. */
  readonly output: Output;
  /** Where the bar is drawn; absent where there is no terminal. */
  readonly terminal?: Terminal;
  /** Milliseconds, of any beginning. */
  readonly nowMs: () => number;
}

/** Shows one long command. */
export class Progress {
  /** For all else that is said meanwhile: it does not run into the bar. */
  readonly output: Output;
  readonly #options: ProgressOptions;
  readonly #startedMs: number;
  #shownMs: number;
  #barShown = false;

  /** Shows nothing yet. */
  constructor(options: ProgressOptions) {
    const { output } = options;
    this.#options = options;
    this.#startedMs = options.nowMs();
    this.#shownMs = this.#startedMs;
    this.output = {
      ...output,
      event: (event: ArchiveEvent): void => {
        this.clear();
        output.event(event);
      },
    };
  }

  /** Takes how far it is; cheap when there is nothing to show. */
  update(progress: TransferProgress): void {
    const { nowMs } = this.#options;
    const now = nowMs();
    if (now - this.#shownMs < this.#intervalMs) return;
    this.#shownMs = now;
    const text = describeProgress(progress, now - this.#startedMs);
    const { label, output, terminal } = this.#options;
    if (terminal !== undefined && !output.json) {
      this.#draw(progress, text, terminal);
      return;
    }
    output.event({
      event: "progress",
      severity: "info",
      message: `${label}: ${text}`,
      ...progress,
    });
  }

  /** Takes the bar away. */
  clear(): void {
    if (!this.#barShown) return;
    this.#barShown = false;
    this.#options.terminal?.write(CLEAR_LINE);
  }

  get #intervalMs(): number {
    const { output, terminal } = this.#options;
    if (output.json) return JSON_INTERVAL_MS;
    return terminal === undefined ? LINE_INTERVAL_MS : BAR_INTERVAL_MS;
  }

  #draw(
    { bytesDone, bytesTotal }: TransferProgress,
    text: string,
    terminal: Terminal,
  ): void {
    const { label } = this.#options;
    const room = terminal.columns() - label.length - text.length - 6;
    const width = Math.max(0, Math.min(BAR_WIDTH_MAX, room));
    const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
    const full = Math.round(width * share);
    const bar = width === 0
      ? ""
      : `[${"#".repeat(full)}${".".repeat(width - full)}] `;
    const line = `${label} ${bar}${text}`.slice(0, terminal.columns() - 1);
    terminal.write(`${CLEAR_LINE}${line}`);
    this.#barShown = true;
  }
}

/** "45 %, 1.8GiB of 4GiB, 210.5MiB/s, 0:10 left". */
export function describeProgress(
  { bytesDone, bytesTotal }: TransferProgress,
  elapsedMs: number,
): string {
  const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
  const parts = [
    `${Math.floor(share * 100)} %`,
    `${formatSize(bytesDone)} of ${formatSize(bytesTotal)}`,
  ];
  if (elapsedMs > 0 && bytesDone > 0) {
    const bytesPerMs = bytesDone / elapsedMs;
    parts.push(`${formatSize(Math.round(bytesPerMs * 1000))}/s`);
    const leftMs = (bytesTotal - bytesDone) / bytesPerMs;
    if (leftMs > 0) parts.push(`${formatDuration(leftMs)} left`);
  }
  return parts.join(", ");
}

function formatDuration(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** Shows a command on this process's stderr. */
export function standardProgress(label: string, output: Output): Progress {
  const nowMs = (): number => performance.now();
  const encoder = new TextEncoder();
  const terminal: Terminal = {
    columns: () => terminalColumns(),
    write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
  };
  return new Progress({
    label,
    output,
    nowMs,
    ...(Deno.stderr.isTerminal() ? { terminal } : {}),
  });
}

const COLUMNS_DEFAULT = 80;

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || COLUMNS_DEFAULT;
  } catch {
    return COLUMNS_DEFAULT;
  }
}
