/**
 * One storage node of the floor: a batched gRPC session over one SQLite file. Everything that arrived in one turn of the event
 * loop is executed in one transaction, so it shares one flush. `bun node.ts DIR`: prints its port on a line when it serves.
 */
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { FloorStore } from "./node-store.ts";
import { type Acks, MESSAGE_BYTES_MAX, type Op, type Ops, SESSION } from "./wire.ts";

type Stream = ServerDuplexStream<Ops, Acks>;

const [dir = "."] = process.argv.slice(2);
const store = new FloorStore(`${dir}/node.db`);
let waiting: { readonly stream: Stream; readonly ops: readonly Op[] }[] = [];

function flush(): void {
  const work = waiting;
  waiting = [];
  const answers = store.execute(work.map(({ ops }) => ops));
  for (const [index, acks] of answers.entries()) work[index]?.stream.write({ acks });
}

const server = new Server({ "grpc.max_receive_message_length": MESSAGE_BYTES_MAX });
server.addService(
  { session: SESSION },
  {
    session: (stream: Stream) => {
      stream.on("data", ({ ops = [] }: Ops) => {
        if (waiting.push({ stream, ops }) === 1) setImmediate(flush);
      });
      stream.on("end", () => stream.end());
      stream.on("error", () => {});
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
