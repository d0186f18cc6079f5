/**
 * The network of a cluster under chaos: every server is reached through a proxy in this process, which knows who calls and lets the
 * bytes of each direction pass, wait, or come late. A cut holds bytes back as a network does that drops packets: what TCP would
 * send again arrives when the link is whole, and that the other side has closed or died is not heard before.
 */
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";
import { assert } from "../../base/errors.ts";
import { formatAddress, parseAddress } from "../../base/units.ts";
import type { Undo } from "../../chaos/cluster.ts";
import { CLIENT, type FaultKind, type ServerName } from "../../chaos/faults.ts";
import type { Meets, Network, Party, Place } from "./network.ts";

const HOST = "127.0.0.1";
/** Held back of one direction of a connection; past that the sender is not read. */
const HELD_BYTES_MAX = 1024 * 1024;

/** What happens to bytes of some links; a link is met by any number of rules. */
interface Rule {
  readonly meets: Meets;
  readonly cut: boolean;
  readonly delayMs: number;
}

export interface Endpoint {
  readonly server: ServerName;
  /** HOST:PORT where it listens now; undefined: it does not. */
  readonly target: () => string | undefined;
}

export class ProxyNetwork implements Network {
  readonly words = "every server behind proxies";
  /** Whose a connection is, is known on Linux alone. */
  readonly impossible: ReadonlySet<FaultKind> = new Set(process.platform === "linux" ? [] : ["cut", "one-way"]);
  readonly #callerOf: (port: number, proxyPort: number) => Party | undefined;
  readonly #rules = new Set<Rule>();
  readonly #connections = new Set<Connection>();
  readonly #servers: Server[] = [];

  /** `callerOf`: whose connection comes from `port`; undefined: nobody's of the cluster. */
  constructor(callerOf: (port: number, proxyPort: number) => Party | undefined) {
    this.#callerOf = callerOf;
  }

  async place(
    server: ServerName,
    role: "supernode" | "datanode",
    listening: (port: "grpc" | "http") => string | undefined,
  ): Promise<Place> {
    const open = (port: "grpc" | "http") => this.open({ server, target: () => listening(port) });
    const address = await open("grpc");
    const args = ["--advertise", address, ...(role === "datanode" ? ["--advertise-http", await open("http")] : [])];
    return { command: [], port: 0, args, address };
  }

  /** A proxy for one port of a server; resolves with the address that is to be advertised. */
  async open(endpoint: Endpoint): Promise<string> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (caller) => {
      const from = this.#callerOf(caller.remotePort ?? 0, caller.localPort ?? 0) ?? CLIENT;
      const connection = new Connection(this, from, endpoint, caller, () => this.#connections.delete(connection));
      this.#connections.add(connection);
      connection.go();
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, HOST, resolve);
    });
    const address = server.address();
    assert(typeof address === "object" && address !== null, "a TCP server has an address");
    return formatAddress(HOST, address.port);
  }

  cut(meets: Meets): Undo {
    return this.#add({ meets, cut: true, delayMs: 0 });
  }

  delay(meets: Meets, delayMs: number): Undo {
    return this.#add({ meets, cut: false, delayMs });
  }

  reset(meets: Meets): void {
    for (const connection of [...this.#connections]) {
      if (meets(connection.from, connection.to) || meets(connection.to, connection.from)) connection.destroy();
    }
  }

  isCut(from: ServerName, to: ServerName): boolean {
    return [...this.#rules].some((rule) => rule.cut && rule.meets(from, to));
  }

  delayMs(from: ServerName, to: ServerName): number {
    return [...this.#rules].reduce((sum, rule) => sum + (rule.meets(from, to) ? rule.delayMs : 0), 0);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #add(rule: Rule): Undo {
    this.#rules.add(rule);
    return () => {
      this.#rules.delete(rule);
      for (const connection of [...this.#connections]) connection.go();
    };
  }
}

/** A caller, the server it called, and the two directions between them. */
class Connection {
  readonly from: ServerName;
  readonly to: ServerName;
  readonly #links: ProxyNetwork;
  readonly #endpoint: Endpoint;
  readonly #caller: Socket;
  readonly #forget: () => void;
  #called: Socket | undefined;
  #pipes: readonly Pipe[] = [];
  #gone = false;

  constructor(links: ProxyNetwork, from: ServerName, endpoint: Endpoint, caller: Socket, forget: () => void) {
    this.from = from;
    this.to = endpoint.server;
    this.#links = links;
    this.#endpoint = endpoint;
    this.#caller = caller;
    this.#forget = forget;
    caller.pause();
    caller.on("error", () => undefined);
  }

  /** Whatever may pass now passes. */
  go(): void {
    if (this.#gone) return;
    for (const pipe of this.#pipes) pipe.pump();
    // A handshake needs both directions.
    const whole = !this.#links.isCut(this.from, this.to) && !this.#links.isCut(this.to, this.from);
    if (this.#called === undefined && whole) this.#call();
  }

  destroy(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#forget();
    for (const pipe of this.#pipes) pipe.stop();
    // As a reset, not as an orderly end.
    this.#caller.resetAndDestroy();
    this.#called?.resetAndDestroy();
  }

  #call(): void {
    const target = this.#endpoint.target();
    if (target === undefined) {
      this.destroy();
      return;
    }
    const called = tcpConnect({ ...parseAddress(target), allowHalfOpen: true, noDelay: true });
    this.#called = called;
    called.on("error", () => undefined);
    const over = () => {
      if (this.#pipes.every((pipe) => pipe.over)) this.destroy();
    };
    const pipe = (from: ServerName, to: ServerName, source: Socket, sink: Socket) =>
      new Pipe(
        () => (this.#links.isCut(from, to) ? undefined : this.#links.delayMs(from, to)),
        source,
        sink,
        over,
        () => this.destroy(),
      );
    this.#pipes = [pipe(this.from, this.to, this.#caller, called), pipe(this.to, this.from, called, this.#caller)];
    this.#caller.resume();
  }
}

/** One direction. */
class Pipe {
  /** How late bytes are to be; undefined: none may pass. */
  readonly #delayMs: () => number | undefined;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #onOver: () => void;
  readonly #onBroken: () => void;
  readonly #queue: { readonly bytes: Uint8Array; readonly dueMs: number }[] = [];
  #queuedBytes = 0;
  /** How the source ended, once it has. */
  #ended: "orderly" | "broken" | undefined;
  #blocked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Everything has passed, the end too. */
  over = false;

  constructor(delayMs: () => number | undefined, source: Socket, sink: Socket, onOver: () => void, onBroken: () => void) {
    this.#delayMs = delayMs;
    this.#source = source;
    this.#sink = sink;
    this.#onOver = onOver;
    this.#onBroken = onBroken;
    source.on("data", (bytes: Uint8Array) => this.#take(bytes));
    source.on("end", () => this.#end("orderly"));
    source.on("error", () => this.#end("broken"));
    source.on("close", () => this.#end("broken"));
    sink.on("drain", () => {
      this.#blocked = false;
      this.pump();
    });
  }

  pump(): void {
    const delayMs = this.#delayMs();
    if (delayMs === undefined || this.over) return;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#blocked) return;
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        this.#later(leftMs);
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= next.bytes.byteLength;
      this.#blocked = !this.#sink.write(next.bytes);
    }
    if (this.#ended !== undefined) this.#finish(this.#ended);
    else if (this.#source.isPaused()) this.#source.resume();
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.#timer);
  }

  #take(bytes: Uint8Array): void {
    this.#queue.push({ bytes, dueMs: performance.now() + (this.#delayMs() ?? 0) });
    this.#queuedBytes += bytes.byteLength;
    if (this.#queuedBytes > HELD_BYTES_MAX) this.#source.pause();
    this.pump();
  }

  #later(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.pump();
    }, delayMs);
  }

  #end(how: "orderly" | "broken"): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    this.pump();
  }

  #finish(how: "orderly" | "broken"): void {
    this.over = true;
    if (how === "broken") {
      this.#onBroken();
      return;
    }
    this.#sink.end();
    this.#onOver();
  }
}
