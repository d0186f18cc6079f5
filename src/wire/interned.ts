/**
 * A map has a thousand configurations, and the next map nearly the same ones: each different one is decoded once and encoded once. When a partition
 * changes hands every server of a cluster reads, checks and writes a map at the same moment, beside the load: 2.7 ms of CPU each, 0.8 so (1,024
 * partitions).
 *
 * Sound because what bytes decode to depends on nothing but them, and a message is never changed (all of messages.ts is readonly). So it does no harm
 * that one map shares them with another.
 */
import type protobuf from "protobufjs";
import { INTERNED_BYTES_MAX, INTERNED_MAX } from "../limits.ts";
import { DirectWriter } from "./direct-writer.ts";
import { bufferOf } from "./strict-reader.ts";

/** Has messages of this type within others decoded to plain objects, the same one for the same bytes. */
export function intern(type: protobuf.Type): void {
  const { decode, encode, toObject } = type.setup();
  const decoded = new Map<string, protobuf.Message>();
  const encoded = new WeakMap<object, Uint8Array>();

  const decodePlain: typeof decode = (...from) => {
    const message = decode.apply(type, from);
    return toObject.call(type, message, { defaults: true }) as unknown as protobuf.Message;
  };

  type.decode = (reader, sizeBytes, ...rest) => {
    if (reader instanceof Uint8Array || sizeBytes === undefined) return decodePlain(reader, sizeBytes, ...rest);
    const end = reader.pos + sizeBytes;
    if (sizeBytes > INTERNED_BYTES_MAX || end > reader.len) return decodePlain(reader, sizeBytes, ...rest);
    const bytes = bufferOf(reader.buf).toString("latin1", reader.pos, end); // one character each
    const known = decoded.get(bytes);
    if (known !== undefined) {
      reader.pos = end;
      return known;
    }
    const message = decodePlain(reader, sizeBytes, ...rest);
    if (decoded.size >= INTERNED_MAX) decoded.clear();
    decoded.set(bytes, message);
    return message;
  };

  type.toObject = (message) => message;

  type.encode = (message, writer) => {
    let bytes = encoded.get(message);
    if (bytes === undefined) {
      const alone = new DirectWriter();
      encode.call(type, message, alone as unknown as protobuf.Writer);
      bytes = Uint8Array.from(alone.finish());
      encoded.set(message, bytes);
    }
    return (writer as unknown as DirectWriter).encoded(bytes) as unknown as protobuf.Writer;
  };
}
