import assert from "node:assert/strict";
import {
  decodeHeader,
  decodeMaskArgument,
  DirectiveCommand,
  MASK_ENTRIES_MAX,
  type MaskArgument,
  type MaskDirective,
  type TargetState,
} from "../../aoe/mod.ts";
import {
  ataRequest,
  bytesOf,
  CLIENT_MAC,
  configRequest,
  EVERYBODY,
  flushRequest,
  hostMac,
  maskRequest,
  readRequest,
  request,
  reserveRequest,
  text,
  writeRequest,
} from "./frames.ts";
import { only, targetFixture } from "./target_fixture.ts";

const A = hostMac(0xa);
const B = hostMac(0xb);
const FROM_A = { source: A };

function add(...macs: Uint8Array[]): MaskDirective[] {
  return macs.map((mac) => ({ command: DirectiveCommand.Add, mac }));
}

function remove(...macs: Uint8Array[]): MaskDirective[] {
  return macs.map((mac) => ({ command: DirectiveCommand.Delete, mac }));
}

/** The argument of a normal response; fails for one with the E flag. */
function maskReply(frame: Uint8Array): MaskArgument {
  assert.equal(frame[14], 0x18, "no AoE error");
  return decodeMaskArgument(frame);
}

function listOf(frame: Uint8Array): Uint8Array[] {
  const { error, directiveCount, directives } = maskReply(frame);
  assert.equal(error, 0);
  assert.equal(directiveCount, directives.length);
  return directives.map(({ mac }) => mac);
}

Deno.test("a mask edit is answered byte for byte with the whole list", () => {
  const { ask } = targetFixture();
  const reply = only(ask(bytesOf(
    "020000000001 020000000002 88a2 10 00 0001 00 02 0000abcd" +
      "00 01 00 02" + "00 01 020000000002" + "00 01 02000000000a" +
      "00".repeat(16),
  )));
  assert.deepEqual(
    reply,
    bytesOf(
      "020000000002 020000000001 88a2 18 00 0001 00 02 0000abcd" +
        "00 01 00 02" + "00 00 020000000002" + "00 00 02000000000a",
    ),
  );
});

Deno.test("reading the mask answers with the list and changes nothing", () => {
  const { ask } = targetFixture();
  assert.deepEqual(listOf(only(ask(maskRequest()))), []);
  ask(maskRequest(add(CLIENT_MAC, A)));
  const read = maskRequest();
  assert.deepEqual(listOf(only(ask(read))), [CLIENT_MAC, A]);
  // Directives of a read are not carried out.
  const edit = maskRequest(remove(A));
  edit[25] = 0;
  assert.deepEqual(listOf(only(ask(edit))), [CLIENT_MAC, A]);
});

Deno.test("a host that is not in the mask is ignored silently, for every command", () => {
  const { ask, target, device } = targetFixture();
  ask(maskRequest(add(CLIENT_MAC)));
  const before = target.state;
  const requests = [
    configRequest(0, text(""), FROM_A),
    configRequest(4, text("mine"), FROM_A),
    readRequest(0, 1, FROM_A),
    writeRequest(0, 1, 1, FROM_A),
    flushRequest(FROM_A),
    ataRequest({ commandStatus: 0xec, sectorCount: 1 }, FROM_A),
    maskRequest([], FROM_A),
    maskRequest(add(A), FROM_A),
    reserveRequest(2, [A], FROM_A),
    request(0xf0, 36, FROM_A),
    configRequest(0, text(""), { ...FROM_A, version: 2 }),
    configRequest(0, text(""), { ...EVERYBODY, ...FROM_A }),
  ];
  for (const frame of requests) assert.deepEqual(ask(frame), []);
  assert.deepEqual(target.state, before);
  assert.deepEqual(device.taken, []);
  assert.equal(target.statistics.refusedFrames, requests.length);
  assert.equal(ask(readRequest(0, 1)).length, 1);
});

Deno.test("hosts join and leave the mask, and an empty mask is for everybody", () => {
  const { ask } = targetFixture();
  ask(maskRequest(add(CLIENT_MAC, A)));
  assert.equal(ask(readRequest(0, 1, FROM_A)).length, 1);
  ask(maskRequest(remove(A)));
  assert.equal(ask(readRequest(0, 1, FROM_A)).length, 0);
  assert.deepEqual(listOf(only(ask(maskRequest(remove(CLIENT_MAC))))), []);
  assert.equal(ask(readRequest(0, 1, FROM_A)).length, 1);
});

Deno.test("to add what is there and to remove what is not are no errors", () => {
  const changes: TargetState[] = [];
  const { ask } = targetFixture({
    onStateChanged: (it) => void changes.push(it),
  });
  for (let i = 0; i < 2; i++) {
    const frame = maskRequest([...add(CLIENT_MAC, A, A), ...remove(B)]);
    assert.deepEqual(listOf(only(ask(frame))), [CLIENT_MAC, A]);
  }
  assert.equal(changes.length, 1);
  assert.deepEqual(changes[0]!.mask, [CLIENT_MAC, A]);
});

Deno.test("directives are carried out in order, an empty one does nothing", () => {
  const { ask } = targetFixture();
  const frame = maskRequest([
    ...add(CLIENT_MAC, A),
    { command: DirectiveCommand.None, mac: B },
    ...remove(A),
    ...add(B),
  ]);
  assert.deepEqual(listOf(only(ask(frame))), [CLIENT_MAC, B]);
});

Deno.test("a bad directive stops the edit: error 2, its index, and the directives sent back", () => {
  const { ask, target } = targetFixture();
  const directives = [
    ...add(CLIENT_MAC, A),
    { command: 3, mac: B },
    ...remove(A),
  ];
  const reply = maskReply(only(ask(maskRequest(directives))));
  assert.deepEqual([reply.error, reply.directiveCount], [2, 2]);
  assert.deepEqual(reply.directives, directives);
  assert.deepEqual(target.state.mask, [CLIENT_MAC, A]);
});

Deno.test("a mask that is full is error 3 at the directive that is too many", () => {
  const { ask, target } = targetFixture();
  const macs = Array.from(
    { length: MASK_ENTRIES_MAX - 1 },
    (_, i) => hostMac(i),
  );
  assert.equal(
    listOf(only(ask(maskRequest(add(CLIENT_MAC, ...macs))))).length,
    MASK_ENTRIES_MAX,
  );
  const more = [...add(macs[0]!), ...add(hostMac(9999))];
  const reply = maskReply(only(ask(maskRequest(more))));
  assert.deepEqual([reply.error, reply.directiveCount], [3, 1]);
  assert.deepEqual(reply.directives.slice(0, 2), more);
  assert.equal(target.state.mask.length, MASK_ENTRIES_MAX);
});

Deno.test("a mask request that is cut off or of unknown kind is error 2", () => {
  const { ask, target } = targetFixture();
  const cutOff = maskRequest(add(CLIENT_MAC, A, B, hostMac(1), hostMac(2)));
  const unknown = maskRequest(add(A));
  unknown[25] = 2;
  for (const [frame, length] of [[cutOff, 60], [cutOff, 27], [unknown, 60]]) {
    const reply = only(ask(frame as Uint8Array, length as number));
    assert.deepEqual([reply[14], reply[15]], [0x1c, 2]);
  }
  assert.deepEqual(target.state.mask, []);
});

Deno.test("with a mask adverts go to each of its hosts alone", () => {
  const { ask, target, port, link } = targetFixture();
  ask(maskRequest(add(CLIENT_MAC, A)));
  target.advertise(port);
  const adverts = link.take().map((frame) => decodeHeader(frame));
  assert.deepEqual(adverts.map((it) => it.destination), [CLIENT_MAC, A]);
  assert.deepEqual(adverts.map((it) => [it.command, it.tag, it.flags]), [
    [1, 0, 8],
    [1, 0, 8],
  ]);
});
