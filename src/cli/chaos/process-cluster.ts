/**
 * A cluster of real processes for `qdfs chaos`: children of this one, between which lies a network that fails
 * when it is told to: namespaces, or proxies of this process (network.ts).
 */
import { join } from "node:path";
import { assert, QdfsError } from "../../base/errors.ts";
import type { ClusterUnderTest, Undo } from "../../chaos/cluster.ts";
import { CLIENT, type FaultKind, type ServerName, SUPERNODE } from "../../chaos/faults.ts";
import type { Random, Runtime } from "../../ports.ts";
import { realRuntime } from "../../runtime/runtime.ts";
import { withShiftedWall } from "../../runtime/shifted-wall.ts";
import { ChildServer } from "../child-server.ts";
import { holderOf } from "./callers.ts";
import { damageChunkFile, damageDatabaseFile } from "./damage.ts";
import { NamespaceNetwork } from "./namespace-network.ts";
import type { Network } from "./network.ts";
import { isMoved } from "./own-namespaces.ts";
import { ProxyNetwork } from "./proxy-network.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";

/** Memory is taken as it fills: what an hour of chunks needs, and then some. */
const SMALL_DISK_BYTES = 6 * 2 ** 30;

export interface ProcessClusterOptions {
  /** An existing directory that is the cluster's own. */
  readonly dir: string;
  readonly nodes: number;
  /** Undefined: the SuperNode's default. */
  readonly quorum: string | undefined;
  /** One DataNode is to lie on a disk that can be filled, if that can be had here. */
  readonly wantsSmallDisk: boolean;
  /** What servers write to stderr, and what else happens outside the plan. */
  readonly log: (line: string) => void;
}

interface Member {
  readonly child: ChildServer;
  readonly dataDir: string;
  /** Where it is reached. */
  readonly address: string;
  /** Start and end take turns. */
  last: Promise<unknown>;
}

export class ProcessCluster implements ClusterUnderTest {
  readonly nodes: readonly ServerName[];
  readonly fillable: readonly ServerName[];
  /** Servers that ended though no fault had ended them, and other things that must not be. */
  readonly incidents: string[] = [];
  /** Why no disk can be filled; empty: one can. */
  readonly noSmallDisk: string;
  readonly #options: ProcessClusterOptions;
  readonly #members = new Map<ServerName, Member>();
  readonly #network: Network;
  readonly #disk: SmallDisk | undefined;
  #fillings = 0;
  #clientShiftMs = 0;

  constructor(options: ProcessClusterOptions) {
    this.#options = options;
    this.nodes = Array.from({ length: options.nodes }, (_, index) => `dn-${index + 1}`);
    this.#network = isMoved()
      ? new NamespaceNetwork((line) => this.incidents.push(`a link could not be changed: ${line}`))
      : new ProxyNetwork((port, proxyPort) => this.#callerOf(port, proxyPort));
    const last = this.nodes.at(-1) ?? "";
    const disk = options.wantsSmallDisk
      ? mountSmallDisk(join(options.dir, "small-disk"), SMALL_DISK_BYTES)
      : { refused: "not wanted" };
    this.noSmallDisk = "refused" in disk ? disk.refused : "";
    this.#disk = "refused" in disk ? undefined : disk;
    this.fillable = this.#disk === undefined ? [] : [last];
    // Also when nobody gets to stop it: stopped processes would not notice that their parent is gone.
    process.on("exit", () => {
      for (const pid of this.#pids().values()) process.kill(pid, "SIGKILL");
    });
  }

  get impossible(): ReadonlySet<FaultKind> {
    return this.#network.impossible;
  }

  /** What lies between the servers. */
  get networkWords(): string {
    return this.#network.words;
  }

  /** Where clients find it. */
  get addresses(): readonly string[] {
    return [...this.#members.values()].map(({ address }) => address);
  }

  /** What clients run on. */
  get clientRuntime(): Runtime {
    return withShiftedWall(realRuntime("quiet"), () => this.#clientShiftMs);
  }

  /** Starts everything, the SuperNode first; resolves when all of them serve. @throws QdfsError */
  async startAll(): Promise<void> {
    const { quorum, nodes } = this.#options;
    await this.#add(SUPERNODE, ["--expect", String(nodes), ...(quorum === undefined ? [] : ["--quorum", quorum])]);
    for (const name of this.nodes) {
      const id = await this.#add(name, ["--supernode", this.#member(SUPERNODE).address]);
      assert(id === name, "DataNodes that start one by one are numbered in that order");
    }
  }

  /** Ends everything at once. The files stay. */
  async stop(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ child }) => child.kill()));
    this.#network.close();
  }

  /** Gives the small disk back, and with it what lay on it. */
  unmount(): void {
    this.#disk?.[Symbol.dispose]();
  }

  kill(server: ServerName): Promise<void> {
    return this.#inTurn(server, (child) => child.kill());
  }

  start(server: ServerName): Promise<void> {
    return this.#inTurn(server, async (child) => {
      if (child.pid === undefined) await child.start();
    });
  }

  async freeze(server: ServerName, lastsMs: number): Promise<void> {
    const { pid } = this.#member(server).child;
    if (pid === undefined) return;
    // Not by this process: should it end meanwhile, the server is to wake up and notice.
    const freezer = Bun.spawn(
      ["sh", "-c", 'kill -STOP "$1" && sleep "$2"; kill -CONT "$1"', "sh", String(pid), String(lastsMs / 1000)],
      {
        stdio: ["ignore", "ignore", "ignore"],
      },
    );
    await freezer.exited;
  }

  cut(from: ServerName, to: ServerName): Undo {
    return this.#network.cut((source, sink) => source === from && sink === to);
  }

  isolate(server: ServerName): Undo {
    return this.#network.cut((source, sink) => source === server || sink === server);
  }

  delay(server: ServerName, delayMs: number): Undo {
    return this.#network.delay((source, sink) => source === server || sink === server, delayMs);
  }

  reset(server: ServerName): void {
    this.#network.reset((source, sink) => source === server || sink === server);
  }

  fillDisk(server: ServerName): Undo {
    const disk = this.#disk;
    assert(disk !== undefined && this.fillable.includes(server), "a disk is filled that can be");
    this.#fillings++;
    disk.fill();
    return () => {
      this.#fillings--;
      if (this.#fillings === 0) disk.empty();
    };
  }

  damageChunk(server: ServerName, random: Random): string | undefined {
    return damageChunkFile(this.#member(server).dataDir, random);
  }

  damageDatabase(server: ServerName, random: Random): { readonly words: string; readonly undo: Undo } {
    return damageDatabaseFile(this.#member(server).dataDir, join(this.#options.dir, `${server}.before-damage`), random);
  }

  shiftClock(server: ServerName | typeof CLIENT, shiftMs: number): void {
    if (server === CLIENT) this.#clientShiftMs = shiftMs;
    else this.#member(server).child.tell(`wall-shift-ms ${Math.round(shiftMs)}`);
  }

  async #add(name: ServerName, args: readonly string[]): Promise<string> {
    const { dir, log } = this.#options;
    const role = name === SUPERNODE ? "supernode" : "datanode";
    const dataDir = this.fillable.includes(name) && this.#disk !== undefined ? join(this.#disk.path, "data") : join(dir, name);
    const { command, port, args: placeArgs, address } = await this.#network.place(name, role, (port) => child.serving?.[port]);
    const child: ChildServer = new ChildServer({
      role,
      name,
      port,
      samePorts: false,
      command,
      args: ["--data", dataDir, ...placeArgs, ...args],
      parent: "chaos",
      say: (line) => {
        log(line);
        if (line.includes("bug of ours")) this.incidents.push(line);
      },
      onDeath: (_, how) => this.incidents.push(`${name} ended by itself: ${how}`),
    });
    this.#members.set(name, { child, dataDir, address, last: Promise.resolve() });
    const { id } = await child.start();
    return id;
  }

  #inTurn(server: ServerName, work: (child: ChildServer) => Promise<unknown>): Promise<void> {
    const member = this.#member(server);
    const done = member.last.then(() => work(member.child)).then(() => undefined);
    member.last = done.catch(() => undefined);
    return done;
  }

  #member(server: ServerName): Member {
    const member = this.#members.get(server);
    if (member === undefined) throw new QdfsError("BUG", `there is no server ${server}`);
    return member;
  }

  #pids(): ReadonlyMap<ServerName, number> {
    return new Map(
      [...this.#members].flatMap(([name, { child }]) => (child.pid === undefined ? [] : [[name, child.pid] as const])),
    );
  }

  #callerOf(port: number, proxyPort: number): ServerName | undefined {
    const pids = this.#pids();
    const holder = holderOf([...pids.values()], port, proxyPort);
    return holder === undefined ? undefined : [...pids].find(([, pid]) => pid === holder)?.[0];
  }
}
