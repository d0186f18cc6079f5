/** `qdfs help`: every command in a line. Nothing is loaded for it but the list of them. */
import { VERSION } from "../base/version.ts";
import { CATEGORIES, VERBS } from "./verbs.ts";

export function overview(): string {
  const lines = [
    `qdfs ${VERSION}: a quorum-replicated, versioned, distributed file system`,
    "",
    "  qdfs COMMAND [ARGUMENTS] [--json] [-q] [-v] [--supernode HOST:PORT[,…]] [--timeout 30s]",
  ];
  for (const category of CATEGORIES) {
    lines.push("", category);
    for (const verb of VERBS) if (verb.category === category) lines.push(`  ${verb.name.padEnd(16)}${verb.summary}`);
  }
  lines.push(
    "",
    "A first round:",
    "  qdfs up --temp                      a cluster of 1 SuperNode and 3 DataNodes; leave it running",
    "  echo hello | qdfs put - /hello.txt  in another terminal",
    "  qdfs cat /hello.txt",
    "",
    "`qdfs help COMMAND` has flags and examples. Elsewhere: `qdfs help consistency`, `qdfs help exit-codes`.",
  );
  return lines.join("\n");
}
