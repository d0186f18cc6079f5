import { expect, test } from "bun:test";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { QdfsError } from "../../src/base/errors.ts";
import { errorFromStatus, reasonOf, statusOf } from "../../src/transport/grpc-status.ts";

function ended(metadata: Metadata): ServiceError {
  return Object.assign(new Error("ended"), { code: 13, details: "ended by something else", metadata });
}

test("an error comes out of a status as it went in", () => {
  const error = new QdfsError("QUORUM_UNAVAILABLE", "write needs 2 of 3, got 1", { need: 2 });
  expect(errorFromStatus(ended(statusOf(error).metadata))).toEqual(error);
});

test("a status that carries no failure of ours, or an unreadable one, is gRPC's own", () => {
  for (const bytes of [undefined, Buffer.of(255, 255), Buffer.of(10, 200, 1)]) {
    const metadata = new Metadata();
    if (bytes !== undefined) metadata.set("qdfs-failure-bin", bytes);
    expect(errorFromStatus(ended(metadata))).toBeUndefined();
    expect(reasonOf(ended(metadata))).toBe("ended by something else");
  }
});
