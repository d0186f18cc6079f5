/**
 * The .proto files, embedded as text so that the compiled executable needs nothing beside it, and parsed once on first use.
 */
import protobuf from "protobufjs";
import clusterText from "../../proto/qdfs/v1/cluster.proto" with { type: "text" };
import headText from "../../proto/qdfs/v1/head.proto" with { type: "text" };
import maintenanceText from "../../proto/qdfs/v1/maintenance.proto" with { type: "text" };
import sessionText from "../../proto/qdfs/v1/session.proto" with { type: "text" };
import { assert } from "../base/errors.ts";
import { intern } from "./interned.ts";
import { readStrictly } from "./strict-reader.ts";

// Every 64-bit field of ours stays below 2^53 (limits.ts), so plain numbers do, and decoding allocates no Long objects.
// Found or not found by protobufjs at run time, the `long` package would decide this differently in the compiled program.
Object.assign(protobuf.util, { Long: undefined });
protobuf.configure();
readStrictly();

/**
 * Sub-messages without which a message makes no sense, where proto3 has no word for it: one that lacks them is refused by the
 * decoder, so that a message of messages.ts is what its type says. (Not in the list though never null there: the
 * operation of a Version, which thin clients leave to the coordinator; codec.ts sees to those of heads.)
 */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  Head: ["current"],
  Outcome: ["operation"],
  Chosen: ["ballot"],
  Prepare: ["ballot"],
  Accept: ["ballot"],
  Mutate: ["operation"],
  Put: ["version"],
  Promised: ["ballot"],
  Refused: ["floor"],
  Held: ["ballot"],
  Mutated: ["outcome"],
  Settled: ["ballot"],
  Change: ["ballot"],
  Complete: ["ballot"],
  Take: ["of"],
  Remember: ["of"],
  Erase: ["ballot"],
  Carried: ["of"],
  ClusterMap: ["policy"],
  MapReply: ["map"],
  JoinReply: ["map"],
  FollowReply: ["map"],
  HeartbeatRequest: ["load"],
  StatusReply: ["policy"],
  SetQuorumReply: ["before", "after"],
  NodeStatus: ["node"],
  NodeAlarm: ["alarm"],
};

/** All of qdfs.v1. Field names are camelCase. */
export const root = new protobuf.Root();
for (const text of [headText, sessionText, clusterText, maintenanceText]) protobuf.parse(text, root);
for (const [name, fields] of Object.entries(REQUIRED)) {
  const type = root.lookupType(`qdfs.v1.${name}`);
  for (const field of fields) {
    const required = type.fields[field];
    assert(required !== undefined, `${name} has ${field}`);
    Object.assign(required, { rule: "required" }); // as proto2 has it; the type leaves it out
  }
}
root.resolveAll();
intern(root.lookupType("qdfs.v1.Configuration"));
