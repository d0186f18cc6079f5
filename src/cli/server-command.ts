/** Flags of the server commands. */
import { resolve } from "node:path";
import { Option } from "clipanion";
import { QdfsError } from "../base/errors.ts";
import { formatAddress, parseAddress, parseCount } from "../base/units.ts";
import { QdfsCommand } from "./base-command.ts";
import type { Ready } from "./serving.ts";

/** A server's HTTP port is this much above its gRPC port, unless --http-port says otherwise. */
const HTTP_PORT_OFFSET = 80;
const PORT_MAX = 65_535;

interface Listening {
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly advertise: string | undefined;
}

export abstract class ServerCommand extends QdfsCommand {
  readonly port = Option.String("--port", { description: "PORT gRPC port; 0 picks a free one" });
  readonly httpPort = Option.String("--http-port", { description: "PORT HTTP port; 0 picks a free one (default: --port + 80)" });
  readonly host = Option.String("--host", "127.0.0.1", {
    description: "HOST address to listen on and to be known by (default: 127.0.0.1)",
  });
  readonly advertise = Option.String("--advertise", {
    description: "HOST:PORT where the others reach the gRPC port, if not where it listens (behind a proxy or NAT)",
  });
  readonly data = Option.String("--data", { description: "DIR where this server keeps its data; made if missing" });

  /** @throws QdfsError BAD_USAGE */
  protected listening(portDefault: number): Listening {
    const port = this.port === undefined ? portDefault : parseCount(this.port, "--port", 0, PORT_MAX);
    const above = port + HTTP_PORT_OFFSET;
    const httpPortDefault = port === 0 || above > PORT_MAX ? 0 : above;
    const httpPort = this.httpPort === undefined ? httpPortDefault : parseCount(this.httpPort, "--http-port", 0, PORT_MAX);
    if (this.host === "") throw new QdfsError("BAD_USAGE", "--host takes an address or a name");
    return { host: this.host, port, httpPort, advertise: parseAdvertised(this.advertise) };
  }

  /** @throws QdfsError BAD_USAGE */
  protected dataDir(): string {
    if (this.data === undefined || this.data === "")
      throw new QdfsError("BAD_USAGE", "--data DIR is needed: where this server keeps its data");
    return resolve(this.data);
  }
}

/** @throws QdfsError BAD_USAGE */
export function parseAdvertised(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const { host, port } = parseAddress(text);
  return formatAddress(host, port);
}

/** The ready line in words, with what to do next. */
export function readyWords(ready: Ready, next: string): string {
  return [
    `qdfs ${ready.role} ${ready.id} serves on ${ready.grpc} (HTTP ${ready.http}, data in ${ready.dataDir}, pid ${ready.pid})`,
    next,
  ].join("\n");
}
