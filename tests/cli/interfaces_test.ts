import assert from "node:assert/strict";
import type { Link } from "../../aoe/link/link.ts";
import { linkPair } from "../../aoe/link/pair.ts";
import { LinkError, type LinkErrorCode } from "../../aoe/link/pcap_error.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { Interfaces } from "../../cli/interfaces.ts";

interface Machine {
  /** Lets a second pass. */
  tick(): void;
  /** The names that were opened, or tried to. */
  readonly tries: string[];
  readonly interfaces: Interfaces;
  readonly used: Link[];
  readonly events: ArchiveEvent[];
}

/** Interfaces by name: a link to use, or why it cannot be opened. */
function machine(
  wishes: readonly string[],
  present: Readonly<Record<string, LinkErrorCode | "ok" | "small">>,
): Machine {
  const used: Link[] = [];
  const events: ArchiveEvent[] = [];
  const tries: string[] = [];
  let tick: () => void = () => assert.fail("it has not started");
  const interfaces = new Interfaces({
    wishes,
    list: () => Object.keys(present),
    open(name): Link {
      tries.push(name);
      const state = present[name] ?? "interface-missing";
      if (state === "ok" || state === "small") return linkPair()[0];
      throw new LinkError(state, `${name}: ${state}`);
    },
    use(link): void {
      if (Object.values(present).includes("small")) throw new RangeError("MTU");
      used.push(link);
    },
    repeat(look): () => void {
      tick = look;
      return () => {};
    },
    onEvent: (event) => events.push(event),
  });
  return { interfaces, used, events, tries, tick: () => tick() };
}

Deno.test("a pattern takes the interfaces that fit it, whole, and no others", () => {
  const { interfaces, used } = machine(["eth*", "w?"], {
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
  const { interfaces, used, events } = machine(["*"], {
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
    const { interfaces } = machine(["eth1", "eth0"], {
      eth0: "ok",
      eth1: code,
    });
    assert.throws(
      () => interfaces.start(),
      (error) => error instanceof LinkError && error.code === code,
    );
    interfaces.stop();
  }
  const { interfaces } = machine(["eth0"], { eth0: "small" });
  assert.throws(() => interfaces.start(), RangeError);
  interfaces.stop();
});

Deno.test("what cannot be opened is not tried again until it has been away", () => {
  const present: Record<string, LinkErrorCode | "ok"> = { eth0: "ok" };
  const { interfaces, used, events, tries, tick } = machine(["eth*"], present);
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
  const { interfaces, used, events } = machine(["eth0", "eth1"], {
    eth0: "interface-down",
    eth1: "ok",
  });
  interfaces.start();
  interfaces.stop();
  assert.deepEqual(interfaces.open, ["eth1"]);
  assert.deepEqual(events.map(({ event }) => event), ["link-missing"]);
  for (const link of used) link.close();

  const none = machine(["eth0"], {});
  assert.throws(() => none.interfaces.start(), LinkError);
  none.interfaces.stop();

  const waiting = machine(["eth*"], {});
  waiting.interfaces.start();
  waiting.interfaces.stop();
  assert.deepEqual(waiting.events.map(({ event }) => event), ["no-interface"]);
});
