import assert from "node:assert/strict";
import {
  decodeHeader,
  decodeIdentify,
  emptyTargetState,
  type TargetOptions,
  type TargetState,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  CLIENT_MAC,
  configRequest,
  EVERYBODY,
  hostMac,
  maskRequest,
  readRequest,
  reserveRequest,
  text,
  trimRequest,
  writeRequest,
} from "./frames.ts";
import {
  ataOutcome,
  configReply,
  only,
  type TargetFixture,
  targetFixture,
} from "./target_fixture.ts";
import { turns } from "./raw_peer.ts";

const A = hostMac(0xa);
const B = hostMac(0xb);
const ABORTED = { status: 0x41, error: 0x04 };

Deno.test("for a host that is not on the allow list the target does not exist", () => {
  const { ask, target } = targetFixture({ allow: [CLIENT_MAC] });
  const options = { ...EVERYBODY, source: A };
  assert.deepEqual(ask(configRequest(0, text(""), options)), []);
  assert.deepEqual(ask(readRequest(0, 1, options)), []);
  assert.deepEqual(ask(maskRequest([{ command: 1, mac: A }], options)), []);
  assert.equal(ask(readRequest(0, 1)).length, 1);
  assert.equal(target.statistics.refusedFrames, 3);
});

Deno.test("allow list and mask both have to agree", () => {
  const { ask, target, port, link } = targetFixture({
    allow: [CLIENT_MAC, A],
    state: { ...emptyTargetState(), mask: [A, B] },
  });
  assert.equal(ask(readRequest(0, 1, { source: A })).length, 1);
  assert.equal(ask(readRequest(0, 1, { source: B })).length, 0);
  assert.equal(ask(readRequest(0, 1)).length, 0);
  target.advertise(port);
  const header = decodeHeader(only(link.take()));
  assert.deepEqual(header.destination, A);
});

Deno.test("with an allow list adverts go to each of its hosts alone", () => {
  const { target, port, link } = targetFixture({ allow: [CLIENT_MAC, A] });
  target.advertise(port);
  const destinations = link.take().map((it) => decodeHeader(it).destination);
  assert.deepEqual(destinations, [CLIENT_MAC, A]);
});

Deno.test("readOnly refuses writes and trims to a device that would take them", () => {
  const { ask, device, target } = targetFixture({ readOnly: true });
  assert.equal(target.readOnly, true);
  assert.deepEqual(ataOutcome(ask(writeRequest(0, 1, 1))), ABORTED);
  const trim = trimRequest([{ lba: 0, sectorCount: 8 }]);
  assert.deepEqual(ataOutcome(ask(trim)), ABORTED);
  assert.equal(ataOutcome(ask(readRequest(0, 1))).status, 0x40);
  assert.deepEqual(device.taken, []);
  const identify = ataRequest({ sectorCount: 1, commandStatus: 0xec });
  assert.equal(decodeIdentify(only(ask(identify)), 36).trim, "none");
});

Deno.test("serial replaces the one of the device", () => {
  const { ask } = targetFixture({ serial: "shelf-7" });
  const identify = ataRequest({ sectorCount: 1, commandStatus: 0xec });
  const { serial, model } = decodeIdentify(only(ask(identify)), 36);
  assert.deepEqual([serial, model], ["shelf-7", "M"]);
});

Deno.test("bufferCount is what a query is told", () => {
  const { ask } = targetFixture({ bufferCount: 24 });
  const { argument } = configReply(only(ask(configRequest(0))));
  assert.equal(argument.bufferCount, 24);
});

Deno.test("what initiators left behind is told as one value and taken up again", () => {
  const kept: TargetState[] = [];
  const first = targetFixture({ onStateChanged: (it) => void kept.push(it) });
  first.ask(configRequest(3, text("mine")));
  first.ask(maskRequest([
    { command: 1, mac: CLIENT_MAC },
    { command: 1, mac: A },
  ]));
  first.ask(reserveRequest(1, [A]));
  assert.equal(kept.length, 3);
  assert.deepEqual(kept[2], {
    configString: text("mine"),
    mask: [CLIENT_MAC, A],
    reservation: [A],
  });
  const { ask, target } = targetFixture({ state: kept[2]! });
  assert.deepEqual(target.state, kept[2]);
  const { argument } = configReply(only(ask(configRequest(0))));
  assert.deepEqual(argument.configString, text("mine"));
  assert.deepEqual(ask(readRequest(0, 1, { source: B })), []);
  assert.equal(only(ask(readRequest(0, 1)))[15], 6);
  assert.equal(ask(readRequest(0, 1, { source: A })).length, 1);
});

Deno.test("the state is told before the reply leaves", () => {
  const order: string[] = [];
  const { ask, port } = targetFixture({
    onStateChanged: () => void order.push("state"),
  });
  const send = port.link.send.bind(port.link);
  port.link.send = (frame, length) => {
    order.push("reply");
    return send(frame, length);
  };
  ask(configRequest(3, text("mine")));
  ask(maskRequest([{ command: 1, mac: CLIENT_MAC }]));
  ask(reserveRequest(1, [A]));
  assert.deepEqual(order, [
    "state",
    "reply",
    "state",
    "reply",
    "state",
    "reply",
  ]);
});

/** A fixture whose changes are kept when the test says so. */
function keepingFixture(): TargetFixture & {
  readonly keeping: PromiseWithResolvers<void>[];
} {
  const keeping: PromiseWithResolvers<void>[] = [];
  const fixture = targetFixture({
    onStateChanged: () => {
      keeping.push(Promise.withResolvers());
      return keeping.at(-1)!.promise;
    },
  });
  return { ...fixture, keeping };
}

Deno.test("a change is answered when it is kept, also when it is asked for again", async () => {
  const { ask, keeping, link, target } = keepingFixture();
  const changes = [
    configRequest(3, text("mine")),
    maskRequest([{ command: 1, mac: CLIENT_MAC }]),
    reserveRequest(1, [CLIENT_MAC]),
  ];
  for (const [index, change] of changes.entries()) {
    assert.deepEqual(ask(change), []);
    assert.deepEqual(ask(change), [], "its repetition tells of it as well");
    assert.equal(keeping.length, index + 1);
    assert.equal(ask(readRequest(0, 1)).length, 1, "the disk does not wait");
    let stopped = false;
    const stopping = target.stop().then(() => stopped = true);
    await turns();
    assert.equal(stopped, false);
    keeping[index]!.resolve();
    await stopping;
    assert.equal(link.take().length, 2);
    assert.equal(ask(change).length, 1, "at once from now on");
  }
});

Deno.test("a change that could not be kept is not answered, and kept when it is asked for again", async () => {
  const { ask, keeping, link } = keepingFixture();
  const change = reserveRequest(1, [CLIENT_MAC]);
  ask(change);
  keeping[0]!.reject(new Error("the disk is full"));
  await turns();
  assert.deepEqual(link.take(), []);
  assert.deepEqual(ask(change), []);
  assert.equal(keeping.length, 2);
  keeping[1]!.resolve();
  await turns();
  assert.equal(link.take().length, 1);
});

Deno.test("of those that wait for a change to be kept only so many are remembered", async () => {
  const { ask, keeping, link, target } = keepingFixture();
  const change = configRequest(3, text("mine"));
  for (let i = 0; i < 70; i++) assert.deepEqual(ask(change), []);
  keeping[0]!.resolve();
  await target.stop();
  assert.equal(link.take().length, 64);
  assert.equal(target.statistics.droppedRequests, 6);
});

Deno.test("a state is a copy, both when given and when told", () => {
  const state = { ...emptyTargetState(), mask: [CLIENT_MAC.slice()] };
  const { ask, target } = targetFixture({ state });
  state.mask[0]!.fill(0);
  target.state.mask[0]!.fill(0);
  assert.equal(ask(readRequest(0, 1)).length, 1);
});

Deno.test("replaceState() opens a target whose mask has locked everybody out", () => {
  const kept: TargetState[] = [];
  const { ask, target } = targetFixture({
    state: { ...emptyTargetState(), mask: [A] },
    onStateChanged: (it) => void kept.push(it),
  });
  assert.deepEqual(ask(readRequest(0, 1)), []);
  target.replaceState(emptyTargetState());
  assert.equal(ask(readRequest(0, 1)).length, 1);
  assert.deepEqual(kept, [emptyTargetState()]);
});

const BAD_MAC = new Uint8Array(5);
const REFUSED: readonly [RegExp, Partial<TargetOptions>][] = [
  [/allow/, { allow: [BAD_MAC] }],
  [/mask/, { state: { ...emptyTargetState(), mask: [BAD_MAC] } }],
  [/mask is 186/, {
    state: { ...emptyTargetState(), mask: new Array(186).fill(A) },
  }],
  [/reservation is 249/, {
    state: { ...emptyTargetState(), reservation: new Array(249).fill(A) },
  }],
  [/configString is 1025/, {
    state: { ...emptyTargetState(), configString: new Uint8Array(1025) },
  }],
];

for (const [message, options] of REFUSED) {
  Deno.test(`a target is refused with a message like ${message}`, () => {
    assert.throws(() => targetFixture(options), {
      name: "RangeError",
      message,
    });
  });
}
