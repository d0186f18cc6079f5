/** The control plane over gRPC, both ends: unary calls of the services Cluster and SuperNode. */
import {
  Client,
  connectivityState,
  credentials,
  type Server,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { QdfsError } from "../base/errors.ts";
import { CONNECT_MS, CONTROL_CALL_MS, CONTROL_CALLS_MAX, CONTROL_REPLY_BYTES_MAX } from "../limits.ts";
import type { ControlConnection, ControlDialer, Runtime } from "../ports.ts";
import { type ControlApi, calledApi, servedMethods } from "./control-methods.ts";
import { asItIs, CHANNEL_OPTIONS, methodDefinition } from "./grpc-options.ts";
import { errorFromStatus, reasonOf, statusOf } from "./grpc-status.ts";

const CONTROL_CHANNEL_OPTIONS = { ...CHANNEL_OPTIONS, "grpc.max_receive_message_length": CONTROL_REPLY_BYTES_MAX };

/** Adds Cluster, and Member or SuperNode when `api` is one's. What is rejected with anything but a QdfsError stops the process. */
export function addControlService(server: Server, api: ControlApi): void {
  for (const { path, run } of servedMethods(api)) {
    server.addService(
      { call: methodDefinition(path, false) },
      {
        call: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
          run(call.request).then(
            (answer) => callback(null, answer),
            (error) => {
              if (!(error instanceof QdfsError)) throw error;
              callback(statusOf(error));
            },
          );
        },
      },
    );
  }
}

class Connection {
  readonly #runtime: Runtime;
  readonly #address: string;
  #client: Client | undefined;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(runtime: Runtime, address: string) {
    this.#runtime = runtime;
    this.#address = address;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /**
   * First come, first served, CONTROL_CALLS_MAX at a time: of many large answers that share one connection's window, single
   * ones were seen to starve for as long as others kept coming.
   *
   * A refused connection is told at once, an unanswered one after CONNECT_MS, an unanswered call after CONTROL_CALL_MS.
   */
  async call(path: string, request: Buffer): Promise<Buffer> {
    if (this.#underWay >= CONTROL_CALLS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#underWay += 1;
    try {
      return await this.#exchange(path, request);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay -= 1;
      else next(); // hands its place over
    }
  }

  #exchange(path: string, request: Buffer): Promise<Buffer> {
    this.#client ??= new Client(this.#address, credentials.createInsecure(), CONTROL_CHANNEL_OPTIONS);
    const client = this.#client;
    const { timers } = this.#runtime;
    return new Promise((resolve, reject) => {
      // grpc-js goes by the system's clock itself: the port's would be another one if the two were ever apart.
      const deadline = Date.now() + CONTROL_CALL_MS;
      const call = client.makeUnaryRequest(path, asItIs, asItIs, request, { deadline }, (error, answer) => {
        cancelTimer();
        if (error) reject(this.#failure(error, client));
        else resolve(answer ?? Buffer.alloc(0));
      });
      const cancelTimer = timers.after(CONNECT_MS, () => {
        if (client.getChannel().getConnectivityState(false) !== connectivityState.READY) call.cancel();
      });
    });
  }

  #failure(error: ServiceError, client: Client): QdfsError {
    const told = errorFromStatus(error);
    if (told !== undefined) return told;
    const address = this.#address;
    if (error.code === status.UNIMPLEMENTED)
      return new QdfsError("NOT_ALLOWED", `${address} does not serve this: it is a server of another kind`, { address });
    // The next call begins with a new connection: nothing waits for the backoff of a broken one.
    if (this.#client === client) this.close();
    const reason = error.code === status.CANCELLED ? `no connection within ${CONNECT_MS} ms` : reasonOf(error);
    return new QdfsError("CLUSTER_UNREACHABLE", `no server answers at ${address}: ${reason}`, { address });
  }
}

export class GrpcControlDialer implements ControlDialer {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  connect(address: string): ControlConnection {
    const connection = new Connection(this.#runtime, address);
    return { ...calledApi((path, request) => connection.call(path, request)), close: () => connection.close() };
  }
}
