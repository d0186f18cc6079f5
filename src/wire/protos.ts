/**
 * The .proto files, embedded as text so that the compiled executable needs nothing beside it, and parsed once on first use.
 */
import protobuf from "protobufjs";
import clusterText from "../../proto/qdfs/v1/cluster.proto" with { type: "text" };
import headText from "../../proto/qdfs/v1/head.proto" with { type: "text" };
import sessionText from "../../proto/qdfs/v1/session.proto" with { type: "text" };

// Every 64-bit field of ours stays below 2^53 (limits.ts), so plain numbers do, and decoding allocates no Long objects.
// Found or not found by protobufjs at run time, the `long` package would decide this differently in the compiled program.
Object.assign(protobuf.util, { Long: undefined });
protobuf.configure();

/** All of qdfs.v1. Field names are camelCase. */
export const root = new protobuf.Root();
for (const text of [headText, sessionText, clusterText]) protobuf.parse(text, root);
root.resolveAll();
