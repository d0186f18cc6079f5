/** grpc.health.v1: what load balancers and orchestrators ask of every gRPC server. */
import { type Server, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData, status } from "@grpc/grpc-js";
import { healthService } from "./grpc-definitions.ts";

interface CheckRequest {
  readonly service: string;
}
type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";
interface CheckResponse {
  readonly status: ServingStatus;
}
interface ListResponse {
  readonly statuses: Readonly<Record<string, CheckResponse>>;
}
type Watcher = ServerWritableStream<CheckRequest, CheckResponse>;

/** Streams that watch, at most: a stranger may open them and leave. */
const WATCHERS_MAX = 1024;

export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Map<Watcher, string>();
  #serving = true;

  /** `services`: full names of those that the server has; the empty name, which stands for all, is understood. */
  constructor(services: readonly string[]) {
    this.#services = new Set(["", ...services]);
  }

  /** All services of a server have one status. Watchers are told. */
  setServing(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const [watcher, service] of this.#watchers) watcher.write({ status: this.#statusOf(service) });
  }

  addTo(server: Server): void {
    server.addService(healthService(), {
      Check: (call: ServerUnaryCall<CheckRequest, CheckResponse>, callback: sendUnaryData<CheckResponse>) => {
        const answer = this.#statusOf(call.request.service);
        if (answer === "SERVICE_UNKNOWN") callback({ code: status.NOT_FOUND, details: "no such service" });
        else callback(null, { status: answer });
      },
      Watch: (watcher: Watcher) => this.#watch(watcher),
      List: (_: ServerUnaryCall<unknown, ListResponse>, callback: sendUnaryData<ListResponse>) => {
        const statuses = [...this.#services].map((service) => [service, { status: this.#statusOf(service) }] as const);
        callback(null, { statuses: Object.fromEntries(statuses) });
      },
    });
  }

  /** Ends every watch, so that the server can close. */
  endWatches(): void {
    for (const watcher of this.#watchers.keys()) watcher.end();
    this.#watchers.clear();
  }

  #statusOf(service: string): ServingStatus {
    if (!this.#services.has(service)) return "SERVICE_UNKNOWN";
    return this.#serving ? "SERVING" : "NOT_SERVING";
  }

  #watch(watcher: Watcher): void {
    if (this.#watchers.size >= WATCHERS_MAX) {
      watcher.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many watches" });
      return;
    }
    const { service } = watcher.request;
    const forget = (): void => void this.#watchers.delete(watcher);
    watcher.on("cancelled", forget);
    watcher.on("close", forget);
    watcher.on("error", forget);
    this.#watchers.set(watcher, service);
    watcher.write({ status: this.#statusOf(service) });
  }
}
