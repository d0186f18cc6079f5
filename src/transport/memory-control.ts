/** The control plane over a MemoryNetwork: every call still goes through the codecs. */
import { QdfsError } from "../base/errors.ts";
import { CONTROL_CALL_MS } from "../limits.ts";
import type { ControlConnection, ControlDialer, Runtime } from "../ports.ts";
import { calledApi, servedMethods } from "./control-methods.ts";
import { exchange } from "./memory-exchange.ts";
import type { MemoryNetwork } from "./memory-network.ts";

export class MemoryControlDialer implements ControlDialer {
  readonly #network: MemoryNetwork;
  readonly #from: string;
  readonly #runtime: Runtime;

  /** `from`: the place that this process is at, for the network's links. */
  constructor(network: MemoryNetwork, from: string, runtime: Runtime) {
    this.#network = network;
    this.#from = from;
    this.#runtime = runtime;
  }

  connect(address: string): ControlConnection {
    return { ...calledApi((path, request) => this.#call(address, path, request)), close: () => {} };
  }

  #call(address: string, path: string, request: Buffer): Promise<Uint8Array> {
    return exchange(this.#network, this.#runtime, {
      from: this.#from,
      to: address,
      limitMs: CONTROL_CALL_MS,
      service: (services) => services.control,
      run: async (api) => {
        const method = servedMethods(api).find((served) => served.path === path);
        if (method === undefined)
          throw new QdfsError("NOT_ALLOWED", `${address} does not serve this: it is a server of another kind`, { address });
        return await method.run(request);
      },
      failure: (why) => new QdfsError("CLUSTER_UNREACHABLE", `no server answers at ${address}: ${why}`, { address }),
    });
  }
}
