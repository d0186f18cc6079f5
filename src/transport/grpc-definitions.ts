/** Service definitions of the standard services, from their embedded texts: the npm packages read files at run time. */
import type { ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import healthText from "../../proto/grpc/health/v1/health.proto" with { type: "text" };
import reflectionText from "../../proto/grpc/reflection/v1/reflection.proto" with { type: "text" };
import clusterText from "../../proto/qdfs/v1/cluster.proto" with { type: "text" };
import headText from "../../proto/qdfs/v1/head.proto" with { type: "text" };
import maintenanceText from "../../proto/qdfs/v1/maintenance.proto" with { type: "text" };
import sessionText from "../../proto/qdfs/v1/session.proto" with { type: "text" };
import { assert } from "../base/errors.ts";

const QDFS_TEXTS: readonly string[] = [headText, sessionText, clusterText, maintenanceText];

function packageOf(texts: readonly string[], keepCase: boolean): PackageDefinition {
  const root = new protobuf.Root();
  for (const text of texts) protobuf.parse(text, root, { keepCase });
  return fromJSON(root.toJSON(), { longs: String, enums: String, defaults: true, oneofs: true, keepCase });
}

function serviceIn(definitions: PackageDefinition, name: string): ServiceDefinition {
  const service = definitions[name];
  assert(service !== undefined && !("format" in service), `the embedded protos define ${name}`);
  return service as ServiceDefinition;
}

export function healthService(): ServiceDefinition {
  return serviceIn(packageOf([healthText], false), "grpc.health.v1.Health");
}

/** v1, or v1alpha, which differs in its name alone and is what older tools ask for. */
export function reflectionService(version: "v1" | "v1alpha"): ServiceDefinition {
  const text = reflectionText.replace("package grpc.reflection.v1;", `package grpc.reflection.${version};`);
  return serviceIn(packageOf([text], false), `grpc.reflection.${version}.ServerReflection`);
}

/** Everything that a server describes about itself, with the names as they are in the .proto files. */
export function describedPackages(): PackageDefinition {
  return packageOf([...QDFS_TEXTS, healthText, reflectionText], true);
}
