/** Messages to bytes and back. The only place that casts: protobufjs's decoded objects have the shapes of messages.ts. */
import type protobuf from "protobufjs";
import { messageOf, QdfsError } from "../base/errors.ts";
import { chunkListFlaw } from "./chunk-list.ts";
import type { Batch, ClusterMap, Head, Version } from "./messages.ts";
import { root } from "./protos.ts";
import { bufferOf } from "./strict-reader.ts";

export interface Codec<T> {
  encode(message: T): Buffer;
  /** @throws QdfsError BAD_REQUEST when the bytes are no such message. Byte fields are views into `bytes`. */
  decode(bytes: Uint8Array): T;
}

function typed<T>(name: string, shape: (type: protobuf.Type, message: protobuf.Message) => unknown): Codec<T> {
  const type: protobuf.Type = root.lookupType(`qdfs.v1.${name}`);
  return {
    encode: (message) => type.encode(message as Record<string, unknown>).finish() as Buffer,
    decode: (bytes) => {
      try {
        return shape(type, type.decode(bufferOf(bytes))) as T;
      } catch (error) {
        throw new QdfsError("BAD_REQUEST", `not a ${name} message: ${messageOf(error)}`);
      }
    },
  };
}

/** The codec of a message type of qdfs.v1, by its name in the .proto file. Decodes to plain objects with every field set. */
export function codecOf<T>(name: string): Codec<T> {
  return typed(name, (type, message) => type.toObject(message, { defaults: true }));
}

const anyHead: Codec<Head> = codecOf("Head");

export const headCodec: Codec<Head> = {
  encode: anyHead.encode,
  decode: (bytes) => {
    const head = anyHead.decode(bytes);
    for (const version of [head.current, ...head.history]) {
      const flaw = versionFlaw(version);
      if (flaw !== undefined) throw new QdfsError("BAD_REQUEST", `not a Head message: ${flaw}`);
    }
    return head;
  },
};
function versionFlaw({ operation, chunks, sizeBytes }: Version): string | undefined {
  if (operation === null) return "a version without its operation";
  return chunks === null ? undefined : chunkListFlaw(chunks, sizeBytes);
}

export const mapCodec: Codec<ClusterMap> = codecOf("ClusterMap");

/**
 * The hot path's codec skips the conversion to plain objects: defaults of absent fields live on the decoded objects'
 * prototypes. So a part of a decoded Batch is read field by field and never spread.
 */
export const batchCodec: Codec<Batch> = typed("Batch", (_, message) => message);
