import assert from "node:assert/strict";
import type { Link } from "../../aoe/link/link.ts";
import { linkPair } from "../../aoe/link/pair.ts";
import { LinkError, type LinkErrorCode } from "../../aoe/link/pcap_error.ts";
import type { InterfaceFacts } from "../../aoe/link/pcap_interface.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { Interfaces } from "../../cli/serving/interfaces.ts";

interface Machine {
  /** Lets a second pass. */
  tick(): void;
  /** The names that were opened, or tried to. */
  readonly tries: string[];
  readonly interfaces: Interfaces;
  readonly used: Link[];
  readonly events: ArchiveEvent[];
  /** How often everything was advertised anew. */
  adverts: number;
}

type State = LinkErrorCode | "ok" | "small" | Partial<InterfaceFacts>;

function factsOf(state: State | undefined): InterfaceFacts | undefined {
  if (state === undefined || state === "interface-kind") return undefined;
  return {
    index: 1,
    mtu: 1500,
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    isUp: state !== "interface-down",
    hasCarrier: true,
    ...(typeof state === "string" ? {} : state),
  };
}

/** Interfaces by name: a link to use, or why it cannot be opened. */
function machineWith(
  wishes: readonly string[],
  present: Readonly<Record<string, State>>,
): Machine {
  const used: Link[] = [];
  const events: ArchiveEvent[] = [];
  const tries: string[] = [];
  let tick: () => void = () => assert.fail("it has not started");
  const interfaces = new Interfaces({
    wishes,
    names: () => Object.keys(present),
    look: (name) => factsOf(present[name]),
    open(name): Link {
      tries.push(name);
      const state = present[name] ?? "interface-missing";
      if (typeof state === "object" && state.isUp === false) {
        throw new LinkError("interface-down", `${name} is down`);
      }
      if (typeof state === "object" || state === "ok" || state === "small") {
        return linkPair({ mtu: factsOf(state)!.mtu })[0];
      }
      throw new LinkError(state, `${name}: ${state}`);
    },
    use(link): void {
      if (Object.values(present).includes("small")) throw new RangeError("MTU");
      used.push(link);
    },
    drop: (link) => link.close(),
    advertise: () => void machine.adverts++,
    repeat(look): () => void {
      tick = look;
      return () => {};
    },
    onEvent: (event) => events.push(event),
  });
  const machine: Machine = {
    interfaces,
    used,
    events,
    tries,
    adverts: 0,
    tick: () => tick(),
  };
  return machine;
}

Deno.test("a pattern takes the interfaces that fit it, whole, and no others", () => {
  const { interfaces, used } = machineWith(["eth*", "w?"], {
    eth0: "ok",
    eth1: "ok",
    "veth0": "ok",
    w1: "ok",
    w12: "ok",
    "e.h": "ok",
  });
  interfaces.start();
  interfaces.stop();
  assert.deepEqual(interfaces.open, ["eth0", "eth1", "w1"]);
  assert.equal(used.length, 3);
  for (const link of used) link.close();
  assert.deepEqual(interfaces.open, []);
});

Deno.test("what fits a pattern but cannot be served is told, and does not stop the rest", () => {
  const { interfaces, used, events } = machineWith(["*"], {
    tun0: "interface-kind",
    eth0: "interface-down",
    eth1: "ok",
  });
  interfaces.start();
  interfaces.stop();
  assert.deepEqual(interfaces.open, ["eth1"]);
  assert.deepEqual(
    events.map(({ event, interface: name }) => [event, name]),
    [["link-missing", "tun0"]],
  );
  for (const link of used) link.close();
});

Deno.test("a named interface that will not come by itself is an error at once", () => {
  for (const code of ["interface-kind", "capability", "library"] as const) {
    const { interfaces } = machineWith(["eth1", "eth0"], {
      eth0: "ok",
      eth1: code,
    });
    assert.throws(
      () => interfaces.start(),
      (error) => error instanceof LinkError && error.code === code,
    );
    interfaces.stop();
  }
  const { interfaces } = machineWith(["eth0"], { eth0: "small" });
  assert.throws(() => interfaces.start(), RangeError);
  interfaces.stop();
});

Deno.test("what cannot be opened is not tried again until it has been away", () => {
  const present: Record<string, State> = { eth0: "ok" };
  const { interfaces, used, events, tries, tick } = machineWith(
    ["eth*"],
    present,
  );
  interfaces.start();
  present["eth1"] = "capture";
  for (let look = 0; look < 3; look++) tick();
  assert.deepEqual(tries, ["eth0", "eth1"]);
  assert.deepEqual(
    events.map(({ event, interface: name }) => [event, name]),
    [["link-missing", "eth1"]],
  );
  delete present["eth1"];
  tick();
  present["eth1"] = "ok";
  tick();
  assert.deepEqual(interfaces.open, ["eth0", "eth1"]);
  used[0]?.close();
  tick();
  assert.deepEqual(
    tries.slice(2),
    ["eth1", "eth0"],
    "a lost one is opened again",
  );
  interfaces.stop();
  for (const link of used) link.close();
});

Deno.test("one named interface that is there is enough, none is not", () => {
  const { interfaces, used, events } = machineWith(["eth0", "eth1"], {
    eth0: "interface-down",
    eth1: "ok",
  });
  interfaces.start();
  interfaces.stop();
  assert.deepEqual(interfaces.open, ["eth1"]);
  assert.deepEqual(events.map(({ event }) => event), ["link-missing"]);
  for (const link of used) link.close();

  const none = machineWith(["eth0"], {});
  assert.throws(() => none.interfaces.start(), LinkError);
  assert.deepEqual(none.events, [], "what ends the server is said once");
  none.interfaces.stop();

  const waiting = machineWith(["eth*"], {});
  waiting.interfaces.start();
  waiting.interfaces.stop();
  assert.deepEqual(waiting.events.map(({ event }) => event), ["no-interface"]);
});

for (
  const [what, after, said] of [
    ["has another MTU", { mtu: 9000 }, /MTU 1500 became 9000/],
    [
      "has another address",
      { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) },
      /02:00:00:00:00:01 became 02:00:00:00:00:09/,
    ],
    ["was made anew under its name", { index: 2 }, /made anew/],
  ] as const
) {
  Deno.test(`an interface that ${what} gets another link at once`, () => {
    const present: Record<string, State> = { eth0: {} };
    const { interfaces, used, events, tick } = machineWith(["eth0"], present);
    interfaces.start();
    tick();
    assert.equal(used.length, 1);
    present["eth0"] = after;
    tick();
    tick();
    assert.deepEqual(used.map(({ closed }) => closed), [true, false]);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["link-changed", "link-added"],
    );
    assert.match(events[0]!.message, said);
    interfaces.stop();
    used[1]?.close();
  });
}

Deno.test("an interface that is down is let go, and used again when it is up", () => {
  const present: Record<string, State> = { eth0: {} };
  const { interfaces, used, events, tick } = machineWith(["eth*"], present);
  interfaces.start();
  present["eth0"] = { isUp: false };
  tick();
  tick();
  assert.deepEqual(interfaces.open, []);
  assert.equal(used[0]?.closed, true);
  present["eth0"] = {};
  tick();
  assert.deepEqual(interfaces.open, ["eth0"]);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["link-lost", "link-added"],
  );
  interfaces.stop();
  used[1]?.close();
});

Deno.test("what its cable leads to is told of everything when the cable is back", () => {
  const present: Record<string, State> = { eth0: {} };
  const machine = machineWith(["eth0"], present);
  const { interfaces, used, events, tick } = machine;
  interfaces.start();
  present["eth0"] = { hasCarrier: false };
  tick();
  assert.equal(machine.adverts, 0);
  present["eth0"] = {};
  tick();
  tick();
  assert.equal(machine.adverts, 1);
  assert.deepEqual(interfaces.open, ["eth0"]);
  assert.equal(used.length, 1, "the link is as good as before");
  assert.deepEqual(events.map(({ event }) => event), ["link-changed"]);
  interfaces.stop();
  used[0]?.close();
});

Deno.test("an MTU that carries no sector ends serving until it is another", () => {
  const present: Record<string, State> = { eth0: "small" };
  const { interfaces, used, events, tries, tick } = machineWith(
    ["eth*"],
    present,
  );
  interfaces.start();
  tick();
  assert.deepEqual(tries, ["eth0"]);
  present["eth0"] = { mtu: 9000 };
  tick();
  assert.deepEqual(interfaces.open, ["eth0"]);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["link-missing", "no-interface", "link-added"],
  );
  interfaces.stop();
  used[0]?.close();
});

Deno.test("what was down for a moment while it was opened is tried again, though it looks as before", () => {
  let mtu = 1500;
  const machine = machineWith(["eth0"], {
    get eth0(): State {
      // Up when it is looked at, and down when it is opened for the second time.
      const isOpening = machine.tries.length === 2 && mtu === 9000;
      if (!isOpening) return { mtu };
      machine.tries.push("");
      return "interface-down";
    },
  });
  machine.interfaces.start();
  mtu = 9000;
  machine.tick();
  machine.tick();
  machine.interfaces.stop();
  assert.deepEqual(machine.interfaces.open, ["eth0"]);
  for (const link of machine.used) link.close();
});

Deno.test("what cannot be opened is tried again once a minute, though nothing of it has changed", () => {
  const present: Record<string, State> = { eth0: { mtu: 9000 } };
  const { interfaces, used, tries, tick } = machineWith(["eth0"], present);
  interfaces.start();
  // The kernel has no memory for the capture; then it has, which no look shows.
  present["eth0"] = "capture";
  for (let look = 0; look < 50; look++) tick();
  assert.equal(tries.length, 2);
  present["eth0"] = "ok";
  for (let look = 0; look < 50; look++) tick();
  interfaces.stop();
  assert.deepEqual(interfaces.open, ["eth0"]);
  for (const link of used) link.close();
});
