/** A server of sessions in a process of its own, to be killed and stopped. Usage: bun child.ts [PORT]; prints HOST:PORT. */
import { realRuntime } from "../../src/runtime/runtime.ts";
import { GrpcServer } from "../../src/transport/grpc-server.ts";
import { serviceOf } from "../conformance/session.ts";

const sessions = serviceOf({
  request: (asked, answer) => {
    if (asked.read?.path !== "/never") answer({ fetched: { content: Buffer.from(asked.read?.path ?? ""), held: true } });
  },
});
const server = new GrpcServer(realRuntime("quiet"), { host: "127.0.0.1", port: Number(process.argv[2] ?? 0), sessions });
console.log(await server.start());
