/** Messages to bytes and back. The only place that casts: protobufjs's decoded objects have the shapes of messages.ts. */
import type protobuf from "protobufjs";
import { messageOf, QdfsError } from "../base/errors.ts";
import { chunkListFlaw } from "./chunk-list.ts";
import { DirectWriter } from "./direct-writer.ts";
import { readUsualHead } from "./head-reader.ts";
import { writeHead } from "./head-writer.ts";
import type { Batch, ClusterMap, Head, Version } from "./messages.ts";
import { root } from "./protos.ts";
import { bufferOf } from "./strict-reader.ts";

export interface Codec<T> {
  /** `sizeBytes`: about what it will take, for what is large. */
  encode(message: T, sizeBytes?: number): Buffer;
  /** @throws QdfsError BAD_REQUEST when the bytes are no such message. Byte fields are views into `bytes`. */
  decode(bytes: Uint8Array): T;
}

function typed<T>(name: string, shape: (type: protobuf.Type, message: protobuf.Message) => unknown): Codec<T> {
  const type: protobuf.Type = root.lookupType(`qdfs.v1.${name}`);
  return {
    encode: (message, sizeBytes) => {
      const writer = new DirectWriter(sizeBytes);
      type.encode(message as Record<string, unknown>, writer as unknown as protobuf.Writer);
      return writer.finish();
    },
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
  encode: writeHead,
  decode: (bytes) => {
    // A bytes field that a message leaves out is an empty list, not bytes.
    const head = (bytes.length > 0 ? readUsualHead(bufferOf(bytes)) : undefined) ?? anyHead.decode(bytes);
    checkVersion(head.current);
    for (const version of head.history) checkVersion(version);
    return head;
  },
};

function checkVersion(version: Version): void {
  const flaw = versionFlaw(version);
  if (flaw !== undefined) throw new QdfsError("BAD_REQUEST", `not a Head message: ${flaw}`);
}

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
