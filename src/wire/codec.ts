/** Messages to bytes and back. The only place that casts: protobufjs's decoded objects have the shapes of messages.ts. */
import type protobuf from "protobufjs";
import { messageOf, QdfsError } from "../base/errors.ts";
import { chunkListFlaw } from "./chunk-list.ts";
import { DirectWriter } from "./direct-writer.ts";
import type { Batch, ClusterMap, Head, Outcome, Version } from "./messages.ts";
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
const anyVersion: Codec<Version> = codecOf("Version");
const anyOutcome: Codec<Outcome> = codecOf("Outcome");

/**
 * A head grows by a version and an outcome at a time, and the rest of it, ten times as much, is what was encoded before: each part is
 * encoded once in its life. Field by field in the order of their numbers, as protobufjs does it.
 */
class HeadEncoder {
  readonly #current = new WeakMap<Version, Uint8Array>();
  readonly #history = new WeakMap<Version, Uint8Array>();
  readonly #window = new WeakMap<Outcome, Uint8Array>();

  encode({ current, history, window, forgotten }: Head): Buffer {
    const parts = [part(this.#current, HEAD_FIELD.CURRENT, current, anyVersion)];
    for (const version of history) parts.push(part(this.#history, HEAD_FIELD.HISTORY, version, anyVersion));
    for (const outcome of window) parts.push(part(this.#window, HEAD_FIELD.WINDOW, outcome, anyOutcome));
    if (forgotten > 0)
      parts.push(
        new DirectWriter()
          .uint32(HEAD_FIELD.FORGOTTEN << 3)
          .uint64(forgotten)
          .finish(),
      );
    return Buffer.concat(parts);
  }
}

/** Field numbers of head.proto. */
const HEAD_FIELD = { CURRENT: 1, HISTORY: 2, WINDOW: 3, FORGOTTEN: 4 } as const;
const LENGTH_DELIMITED = 2;

/** A sub-message with its tag and length. */
function part<T extends object>(known: WeakMap<T, Uint8Array>, field: number, message: T, codec: Codec<T>): Uint8Array {
  let bytes = known.get(message);
  if (bytes === undefined) {
    const writer = new DirectWriter().uint32((field << 3) | LENGTH_DELIMITED).bytes(codec.encode(message));
    bytes = new Uint8Array(writer.finish()); // what is kept must not hold on to a larger buffer
    known.set(message, bytes);
  }
  return bytes;
}

const headEncoder = new HeadEncoder();

export const headCodec: Codec<Head> = {
  encode: (head) => headEncoder.encode(head),
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
