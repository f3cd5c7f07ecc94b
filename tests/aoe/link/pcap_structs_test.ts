import assert from "node:assert/strict";
import * as structs from "../../../aoe/link/pcap_structs.ts";

Deno.test("encodePollSet() lays out one pollfd after the other", () => {
  const set = structs.encodePollSet([
    { fd: 0x01020304, events: structs.POLLIN },
    { fd: -1, events: structs.POLLOUT },
  ]);
  assert.deepEqual(
    [...set],
    [4, 3, 2, 1, 1, 0, 0, 0, 255, 255, 255, 255, 4, 0, 0, 0],
  );
});

Deno.test("encodeTimespec() splits seconds and nanoseconds", () => {
  assert.deepEqual([...structs.encodeTimespec(0.2)], [0n, 200_000n]);
  assert.deepEqual([...structs.encodeTimespec(2500)], [2n, 500_000_000n]);
});

Deno.test("encodeInterfaceRequest() leaves room for the closing zero", () => {
  const request = structs.encodeInterfaceRequest("a".repeat(20));
  assert.equal(request.length, 40);
  assert.equal(request.indexOf(0), structs.INTERFACE_NAME_LENGTH_MAX);
});

Deno.test("decodeMac() and decodeForeignKind() read a hardware address", () => {
  const answer = structs.encodeInterfaceRequest("eth0");
  answer.set([1, 0, 2, 3, 4, 5, 6, 7], 16);
  assert.deepEqual([...structs.decodeMac(answer)], [2, 3, 4, 5, 6, 7]);
  assert.equal(structs.decodeForeignKind(answer), undefined);
  answer.set([0xfe, 0xff], 16);
  assert.equal(structs.decodeForeignKind(answer), 0xfffe);
});

Deno.test("decodeMtu() and decodeIsUp() read their answers", () => {
  const answer = structs.encodeInterfaceRequest("lo");
  answer.set([0x00, 0x00, 0x01, 0x00], 16);
  assert.equal(structs.decodeMtu(answer), 65536);
  assert.equal(structs.decodeIsUp(answer), false);
  answer.set([0x43, 0x10], 16);
  assert.equal(structs.decodeIsUp(answer), true);
});

Deno.test("decodeCString() ends at the first zero, or at the end", () => {
  const bytes = structs.encodeCString("eth0");
  assert.deepEqual([...bytes], [101, 116, 104, 48, 0]);
  assert.equal(structs.decodeCString(bytes), "eth0");
  assert.equal(structs.decodeCString(bytes.subarray(0, 4)), "eth0");
});
