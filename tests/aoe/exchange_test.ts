import assert from "node:assert/strict";
import {
  decodeHeader,
  Exchange,
  type ExchangeListener,
  type ExchangeOptions,
  linkPair,
} from "../../aoe/mod.ts";
import { bytesOf, readRequest } from "./frames.ts";
import { ManualClock } from "./manual_clock.ts";
import { RawPeer, turns } from "./raw_peer.ts";

/** Notes what becomes of requests. */
class Notes implements ExchangeListener {
  readonly replies: { place: number; length: number }[] = [];
  readonly failures: Error[] = [];

  onReply(place: number, _reply: Uint8Array, length: number): void {
    this.replies.push({ place, length });
  }

  onFailure(_place: number, error: Error): void {
    this.failures.push(error);
  }

  describe(place: number): string {
    return `do request ${place}`;
  }
}

interface Fixture {
  readonly exchange: Exchange;
  readonly server: RawPeer;
  readonly clock: ManualClock;
  readonly notes: Notes;
  /** Sends a request; false when the window is full. */
  request(): boolean;
  close(): void;
}

function fixture(options: ExchangeOptions = {}): Fixture {
  const [near, far] = linkPair();
  const clock = new ManualClock();
  const exchange = new Exchange(near, { clock, ...options });
  const server = new RawPeer(far);
  const notes = new Notes();
  return {
    exchange,
    server,
    clock,
    notes,
    request(): boolean {
      const place = exchange.acquire();
      if (place < 0) return false;
      const frame = readRequest(0, 1, {
        destination: far.mac,
        source: near.mac,
      });
      exchange.frame(place).set(frame);
      exchange.send(place, frame.length, notes);
      exchange.flush();
      return true;
    },
    close(): void {
      exchange.close();
      far.close();
    },
  };
}

/** The response to a request: R flag, and what the options say. */
function responseTo(
  frame: Uint8Array,
  options: { slot?: number; command?: number } = {},
): Uint8Array {
  const response = frame.slice();
  response[14] = 0x18;
  if (options.slot !== undefined) response[18] = options.slot;
  if (options.command !== undefined) response[19] = options.command;
  return response;
}

Deno.test("an answer reaches the listener of its request, once, and in any order", async () => {
  const { exchange, server, notes, request, close } = fixture();
  for (let i = 0; i < 3; i++) request();
  const frames = server.take();
  await server.ask(
    responseTo(frames[2]!),
    responseTo(frames[0]!),
    responseTo(frames[0]!),
  );
  assert.deepEqual(notes.replies.map((it) => it.place), [2, 0]);
  assert.equal(exchange.outstandingCount, 1);
  close();
});

Deno.test("every request has a tag of its own with the highest bit set", async () => {
  const { server, request, close } = fixture({ windowMax: 4 });
  const tags = new Set<number>();
  for (let i = 0; i < 40; i++) {
    request();
    const [frame] = server.take();
    tags.add(decodeHeader(frame!).tag);
    assert.ok(decodeHeader(frame!).tag >= 0x80000000);
    await server.ask(responseTo(frame!));
  }
  assert.equal(tags.size, 40);
  close();
});

Deno.test("requests, strangers' answers and adverts are not taken for an answer", async () => {
  const { exchange, server, notes, request, close } = fixture();
  const unmatched: number[] = [];
  exchange.onUnmatched((frame) => unmatched.push(decodeHeader(frame).tag));
  request();
  const [frame] = server.take();
  const advert = responseTo(frame!);
  advert.fill(0, 20, 24);
  const otherType = responseTo(frame!);
  otherType[12] = 0;
  await server.ask(
    frame!,
    responseTo(frame!, { slot: 9 }),
    responseTo(frame!, { command: 1 }),
    otherType,
    advert,
  );
  assert.deepEqual(notes.replies, []);
  assert.equal(unmatched.length, 3);
  await server.ask(responseTo(frame!));
  assert.equal(notes.replies.length, 1);
  await server.ask(advert);
  assert.equal(notes.replies.length, 1);
  close();
});

Deno.test("an answer to a wildcard address may come from any target", async () => {
  const { exchange, server, notes, close } = fixture();
  const place = exchange.acquire();
  const frame = readRequest(0, 1, { shelf: 0xffff, slot: 0xff });
  exchange.frame(place).set(frame);
  exchange.send(place, frame.length, notes);
  exchange.flush();
  const [sent] = server.take();
  const answer = responseTo(sent!, { slot: 3 });
  answer.set(bytesOf("0007"), 16);
  await server.ask(answer);
  assert.equal(notes.replies.length, 1);
  close();
});

Deno.test("the window bounds what is outstanding, and an answer makes room", async () => {
  const { exchange, server, request, close } = fixture({ windowMax: 2 });
  let room = 0;
  exchange.onRoom(() => room++);
  assert.deepEqual([request(), request(), request()], [true, true, false]);
  assert.equal(room, 0);
  await server.ask(responseTo(server.take()[0]!));
  assert.ok(room > 0);
  assert.deepEqual([request(), request()], [true, false]);
  exchange.limitWindow(1);
  const frames = server.take();
  await server.ask(...frames.map((frame) => responseTo(frame)));
  assert.equal(request(), false, "one is still outstanding");
  close();
});

Deno.test("an unanswered request is repeated with the same tag, at growing distances", async () => {
  const { exchange, server, clock, notes, request, close } = fixture({
    retransmitMinMs: 100,
    retransmitMaxMs: 1000,
  });
  request();
  const [first] = server.take();
  const sentAtMs: number[] = [];
  for (let ms = 1; ms <= 3000; ms++) {
    await clock.advance(1);
    for (const frame of server.take()) {
      assert.deepEqual(frame, first);
      sentAtMs.push(ms);
    }
  }
  const distances = sentAtMs.map((at, i) => at - (sentAtMs[i - 1] ?? 0));
  assert.deepEqual(distances, [100, 200, 400, 800, 1000]);
  assert.equal(exchange.statistics.retransmissions, 5);
  await server.ask(responseTo(first!));
  assert.equal(notes.replies.length, 1);
  assert.equal(clock.timerCount, 1);
  await clock.advance(100);
  assert.equal(
    clock.timerCount,
    0,
    "nothing ticks when nothing is outstanding",
  );
  close();
});

Deno.test("the wait follows the measured round trip time", async () => {
  const { server, clock, request, close } = fixture({ retransmitMinMs: 20 });
  for (let i = 0; i < 40; i++) {
    request();
    const [frame] = server.take();
    await clock.advance(100);
    await server.ask(responseTo(frame!));
    server.take();
  }
  request();
  server.take();
  await clock.advance(99);
  assert.deepEqual(server.take(), []);
  await clock.advance(60);
  assert.equal(server.take().length, 1);
  close();
});

Deno.test("a retransmission halves the window, and answers widen it again", async () => {
  const { exchange, server, clock, request, close } = fixture({
    windowMax: 8,
    retransmitMinMs: 100,
  });
  for (let i = 0; i < 8; i++) request();
  const frames = server.take();
  await clock.advance(100);
  server.take();
  await server.ask(...frames.slice(0, 5).map((it) => responseTo(it)));
  // 4 after the halving, 5 answers later back at 8: 3 still outstanding.
  assert.equal(exchange.outstandingCount, 3);
  let count = 0;
  while (request()) count++;
  assert.equal(count, 5);
  close();
});

Deno.test("a request that nobody answers fails at its deadline and says what to check", async () => {
  const { exchange, clock, notes, request, close } = fixture({
    deadlineMs: 500,
    retransmitMinMs: 100,
  });
  request();
  const messages = (): string[] =>
    notes.failures.map((it) => `${it.name}: ${it.message}`);
  await clock.advance(499);
  assert.deepEqual(messages(), []);
  await clock.advance(26);
  assert.deepEqual(messages(), [
    "TimeoutError: Cannot do request 0: no answer within 500 ms, check that " +
    "the target is up and on the same network segment",
  ]);
  assert.equal(exchange.outstandingCount, 0);
  assert.equal(request(), true, "the place is free again");
  close();
});

Deno.test("closing fails what is outstanding and what comes later", async () => {
  const { exchange, notes, clock, request, close } = fixture();
  request();
  exchange.close();
  assert.deepEqual(notes.failures.map((it) => it.name), ["LinkClosedError"]);
  request();
  await turns();
  assert.equal(notes.failures.length, 2);
  assert.equal(clock.timerCount, 0);
  close();
});

Deno.test("a listener may send its next request from within onReply", async () => {
  const { exchange, server, close } = fixture({ windowMax: 1 });
  let remaining = 5;
  const listener: ExchangeListener = {
    onReply: () => {
      remaining--;
      if (remaining > 0) next();
    },
    onFailure: (_place, error) => {
      throw error;
    },
    describe: () => "loop",
  };
  const frame = readRequest(0, 1);
  function next(): void {
    const place = exchange.acquire();
    exchange.frame(place).set(frame);
    exchange.send(place, frame.length, listener);
  }
  next();
  exchange.flush();
  for (let round = 0; round < 5; round++) {
    for (const it of server.take()) server.link.send(responseTo(it), 60);
    server.link.flush();
    await turns();
  }
  assert.equal(exchange.statistics.replies, 5);
  assert.equal(remaining, 0);
  close();
});

Deno.test("a window of 0 or more than 256 is refused", () => {
  const [near] = linkPair();
  for (const windowMax of [0, 257, 1.5]) {
    assert.throws(() => new Exchange(near, { windowMax }), RangeError);
  }
});
