/**
 * Ceph's S3 gateway, as Debian has it: a monitor, a manager, one storage
 * daemon that keeps everything in memory, and the gateway, on loopback and in
 * a folder of their own.
 */

import { findProgram } from "../requirements.ts";
import { run } from "../run.ts";
import { answers, freePort, Program } from "./process.ts";

/** A running gateway; disposing it ends all of Ceph. */
export interface CephGateway extends AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly endpoint: string;
  /** A user's access key. */
  readonly accessKeyId: string;
  /** Its secret. */
  readonly secretAccessKey: string;
  /** Starts another gateway to the same objects. */
  startAnother(): Promise<Gateway>;
}

/** The user's secret, which nothing may show. */
export const CEPH_SECRET: string = "planted+secret/of+the/ceph+user+0001";

/**
 * A storage daemon may read for 0.8 of this at a time. One that got no processor
 * for that long, 16 s by default, answered some requests never again.
 */
const GRACE_SECONDS = 600;

const KEYS = {
  accessKeyId: "SHELFACCESSKEY000001",
  secretAccessKey: CEPH_SECRET,
};

/** Starts Ceph. It takes about ten seconds. */
export async function startCeph(): Promise<CephGateway> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-ceph-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const cluster = new Cluster(folder, stack);
  await cluster.startMonitor();
  await cluster.startManager();
  await cluster.startStorage();
  const gateway = stack.use(await cluster.startGateway("gateway"));
  await cluster.createUser();
  const kept = stack.move();
  return {
    endpoint: gateway.endpoint,
    ...KEYS,
    startAnother: () => cluster.startGateway("another"),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A gateway that can be away for a while; disposing it ends it. */
export class Gateway implements AsyncDisposable {
  readonly #launch: (port: number) => Program;
  readonly #port = freePort();
  #program: Program | undefined;

  /** `launch` runs the program on a port. */
  constructor(launch: (port: number) => Program) {
    this.#launch = launch;
  }

  /** `http://127.0.0.1:…`, the same after every start. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Settles when it answers. */
  async start(): Promise<void> {
    this.#program = this.#launch(this.#port);
    const { endpoint } = this;
    await this.#program.waitUntil("Ceph's gateway", () => answers(endpoint));
  }

  /** Ends it; the objects stay. */
  async stop(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
    this.#program = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

class Cluster {
  readonly #folder: string;
  readonly #stack: AsyncDisposableStack;
  readonly #configuration: string;
  readonly #clusterId = crypto.randomUUID();
  readonly #monitorPort = freePort();

  constructor(folder: string, stack: AsyncDisposableStack) {
    this.#folder = folder;
    this.#stack = stack;
    this.#configuration = `${folder}/ceph.conf`;
    Deno.writeTextFileSync(this.#configuration, this.#text());
  }

  async startMonitor(): Promise<void> {
    const map = `${this.#folder}/monmap`;
    const address = `v2:127.0.0.1:${this.#monitorPort}`;
    await this.#run("monmaptool", [
      ...["--create", "--fsid", this.#clusterId, "--addv", "a", `[${address}]`],
      ...["--set-min-mon-release", "pacific", map],
    ]);
    await this.#run("ceph-mon", ["--mkfs", "-i", "a", "--monmap", map]);
    const monitor = this.#start("ceph-mon", ["-f", "-i", "a"]);
    await monitor.waitUntil("Ceph's monitor", async () => {
      const result = await this.#tryRun("ceph", [
        ...["--connect-timeout", "2", "mon", "stat"],
      ]);
      return result.success;
    });
  }

  // deno-lint-ignore require-await -- one of the steps
  async startManager(): Promise<void> {
    this.#start("ceph-mgr", ["-f", "-i", "x"]);
  }

  async startStorage(): Promise<void> {
    const id = crypto.randomUUID();
    await Deno.mkdir(`${this.#folder}/osd`);
    await this.#run("ceph", ["osd", "new", id, "0"]);
    await this.#run("ceph-osd", ["--mkfs", "-i", "0", "--osd-uuid", id]);
    const storage = this.#start("ceph-osd", ["-f", "-i", "0"]);
    await storage.waitUntil("Ceph's storage daemon", async () => {
      const result = await this.#tryRun("ceph", ["osd", "stat"]);
      return result.stdout.includes("1 up");
    });
  }

  async startGateway(name: string): Promise<Gateway> {
    const gateway = new Gateway((port) =>
      this.#launch("radosgw", [
        ...["-f", "-n", `client.${name}`],
        `--rgw-frontends=beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
      ])
    );
    await gateway.start();
    return gateway;
  }

  async createUser(): Promise<void> {
    await this.#run("radosgw-admin", [
      ...["-n", "client.gateway", "user", "create", "--uid", "shelf"],
      ...["--display-name", "shelf", "--access-key", KEYS.accessKeyId],
      ...["--secret-key", KEYS.secretAccessKey],
    ]);
  }

  #start(program: string, args: readonly string[]): Program {
    return this.#stack.use(this.#launch(program, args));
  }

  #launch(program: string, args: readonly string[]): Program {
    const logPath = `${this.#folder}/${program}.log`;
    const command = [
      findProgram(program) ?? program,
      "-c",
      this.#configuration,
      ...args,
    ];
    return Program.start(command, { logPath });
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    const { success, stderr } = await this.#tryRun(program, args);
    if (success) return;
    throw new Error(`${program} ${args.join(" ")}: ${stderr.slice(0, 2000)}`);
  }

  #tryRun(program: string, args: readonly string[]): ReturnType<typeof run> {
    return run(findProgram(program) ?? program, [
      "-c",
      this.#configuration,
      ...args,
    ]);
  }

  #text(): string {
    const folder = this.#folder;
    return `[global]
fsid = ${this.#clusterId}
mon host = [v2:127.0.0.1:${this.#monitorPort}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms bind msgr1 = false
run dir = ${folder}
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
keyring = ${folder}/keyring
mon data = ${folder}/mon
mgr data = ${folder}/mgr
osd data = ${folder}/osd
rgw data = ${folder}/rgw
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd heartbeat grace = ${GRACE_SECONDS}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mgr modules =
mgr initial modules =
crash dir = ${folder}
`;
  }
}
