/** A gRPC server of ours: sessions, the control plane, health checking and reflection on one port. */
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { messageOf, QdfsError } from "../base/errors.ts";
import type { Runtime } from "../ports.ts";
import type { ControlApi } from "./control-methods.ts";
import { addControlService } from "./grpc-control.ts";
import { Health } from "./grpc-health.ts";
import { methodDefinition, SERVER_OPTIONS } from "./grpc-options.ts";
import { addReflection } from "./grpc-reflection.ts";
import { SESSION_PATH } from "./grpc-session.ts";
import { statusOf } from "./grpc-status.ts";
import { ServedSession } from "./served-session.ts";
import type { ServerWire, SessionService } from "./wire.ts";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** What serves `DataNode.Session`; without it the service is not there. */
  readonly sessions?: SessionService;
  /** A ClusterApi: the service Cluster. A DataNodeApi: Member and Maintenance as well; a SuperNodeApi: SuperNode. */
  readonly control?: ControlApi;
}

type Stream = ServerDuplexStream<Buffer, Buffer>;

export class GrpcServer {
  readonly #runtime: Runtime;
  readonly #options: GrpcServerOptions;
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #health: Health;
  readonly #sessions = new Set<ServedSession>();
  #draining = false;

  constructor(runtime: Runtime, options: GrpcServerOptions) {
    this.#runtime = runtime;
    this.#options = options;
    const { sessions, control } = options;
    const services: string[] = [];
    if (sessions !== undefined) services.push("qdfs.v1.DataNode");
    if (control !== undefined) services.push("qdfs.v1.Cluster");
    if (control !== undefined && "follow" in control) services.push("qdfs.v1.Member", "qdfs.v1.Maintenance");
    if (control !== undefined && "join" in control) services.push("qdfs.v1.SuperNode");
    this.#health = new Health(services);
    if (sessions !== undefined) this.#addSessions(sessions);
    if (control !== undefined) addControlService(this.#server, control);
    this.#health.addTo(this.#server);
    addReflection(this.#server, [...services, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]);
  }

  /**
   * Listens, and resolves with `HOST:PORT`.
   * @throws QdfsError ADDRESS_IN_USE, BAD_USAGE (no such host here, or not allowed)
   */
  async start(): Promise<string> {
    const { host, port } = this.#options;
    const at = host.includes(":") ? `[${host}]` : host;
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(`${at}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(`${at}:${bound}`);
        else reject(bindError(host, port, messageOf(error)));
      });
    });
  }

  /** What health checks are told; true from the start. */
  setServing(serving: boolean): void {
    this.#health.setServing(serving);
  }

  /** Takes nothing new, finishes what is under way, for `spanMs` at most, and closes. */
  async drain(spanMs: number): Promise<void> {
    this.#draining = true;
    this.#health.setServing(false);
    const cancel = this.#runtime.timers.after(spanMs, () => this.stop());
    await this.#close();
    cancel();
    this.stop();
  }

  /** Closes at once. */
  stop(): void {
    for (const session of this.#sessions) session.gone();
    this.#server.forceShutdown();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.drain()));
    for (const session of this.#sessions) session.end();
    this.#health.endWatches();
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  #addSessions(service: SessionService): void {
    this.#server.addService(
      { session: methodDefinition(SESSION_PATH, true) },
      { session: (stream: Stream) => this.#serve(stream, service) },
    );
  }

  #serve(stream: Stream, service: SessionService): void {
    const session = new ServedSession(this.#runtime, wireOver(stream), service);
    const gone = (): void => {
      session.gone();
      this.#sessions.delete(session);
    };
    stream.on("data", (batch: Buffer) => session.received(batch));
    stream.on("drain", () => session.drained());
    stream.on("end", () => session.end());
    stream.on("cancelled", gone);
    stream.on("close", gone);
    stream.on("error", gone);
    this.#sessions.add(session);
    if (this.#draining) session.end(new QdfsError("SHUTTING_DOWN", "the server is stopping"));
  }
}

function wireOver(stream: Stream): ServerWire {
  return {
    write: (batch) => stream.write(batch),
    end: (error) => {
      if (error === undefined) stream.end();
      else stream.emit("error", statusOf(error));
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}

/** grpc-js passes on the text of the system's error alone. */
function bindError(host: string, port: number, text: string): QdfsError {
  if (text.includes("EADDRINUSE")) return new QdfsError("ADDRESS_IN_USE", `port ${port} is in use`, { host, port });
  return new QdfsError("BAD_USAGE", `cannot listen at ${host}:${port}: ${text}`, { host, port });
}
