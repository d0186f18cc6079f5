/**
 * Every command: its name, its line in `qdfs help`, its module. A module is loaded when its command is called, so that
 * `qdfs get` does not pay for servers, SQLite or histograms.
 */
import type { CommandClass } from "clipanion";

export type Category = "Files" | "Cluster" | "Servers" | "Measuring" | "Help";

export interface Verb {
  readonly name: string;
  readonly category: Category;
  readonly summary: string;
  readonly load: () => Promise<CommandClass>;
}

export const CATEGORIES: readonly Category[] = ["Files", "Cluster", "Servers", "Measuring", "Help"];

export const VERBS: readonly Verb[] = [
  {
    name: "put",
    category: "Files",
    summary: "store a file, a directory tree or standard input",
    load: async () => (await import("./commands/put.ts")).PutCommand,
  },
  {
    name: "get",
    category: "Files",
    summary: "fetch a file or a tree",
    load: async () => (await import("./commands/get.ts")).GetCommand,
  },
  {
    name: "cat",
    category: "Files",
    summary: "write files to standard output",
    load: async () => (await import("./commands/cat.ts")).CatCommand,
  },
  { name: "ls", category: "Files", summary: "list a directory", load: async () => (await import("./commands/ls.ts")).LsCommand },
  {
    name: "stat",
    category: "Files",
    summary: "everything known about one file",
    load: async () => (await import("./commands/stat.ts")).StatCommand,
  },
  {
    name: "rm",
    category: "Files",
    summary: "delete a file or a tree (kept in the trash for a while)",
    load: async () => (await import("./commands/rm.ts")).RmCommand,
  },
  { name: "mv", category: "Files", summary: "rename a file", load: async () => (await import("./commands/mv.ts")).MvCommand },
  { name: "cp", category: "Files", summary: "copy a file", load: async () => (await import("./commands/cp.ts")).CpCommand },
  {
    name: "du",
    category: "Files",
    summary: "space used under a path",
    load: async () => (await import("./commands/du.ts")).DuCommand,
  },
  {
    name: "versions",
    category: "Files",
    summary: "the kept versions of a file",
    load: async () => (await import("./commands/versions.ts")).VersionsCommand,
  },
  {
    name: "restore",
    category: "Files",
    summary: "make an earlier version the current one",
    load: async () => (await import("./commands/restore.ts")).RestoreCommand,
  },
  {
    name: "trash",
    category: "Files",
    summary: "deleted files that can be restored",
    load: async () => (await import("./commands/trash.ts")).TrashCommand,
  },
  {
    name: "status",
    category: "Cluster",
    summary: "the state of the cluster",
    load: async () => (await import("./commands/status.ts")).StatusCommand,
  },
  {
    name: "nodes",
    category: "Cluster",
    summary: "the DataNodes, one by one",
    load: async () => (await import("./commands/nodes.ts")).NodesCommand,
  },
  {
    name: "scrub",
    category: "Cluster",
    summary: "read and verify every stored byte now",
    load: async () => (await import("./commands/scrub.ts")).ScrubCommand,
  },
  {
    name: "repair",
    category: "Cluster",
    summary: "compare every copy of a file with its head, and mend it",
    load: async () => (await import("./commands/repair.ts")).RepairCommand,
  },
  {
    name: "drain",
    category: "Cluster",
    summary: "move everything off a DataNode, so that it can be removed",
    load: async () => (await import("./commands/drain.ts")).DrainCommand,
  },
  {
    name: "remove",
    category: "Cluster",
    summary: "take a DataNode out of the cluster, drained or dead",
    load: async () => (await import("./commands/remove.ts")).RemoveCommand,
  },
  {
    name: "quorum",
    category: "Cluster",
    summary: "the quorum, and changing it while the cluster works",
    load: async () => (await import("./commands/quorum.ts")).QuorumCommand,
  },
  {
    name: "explain",
    category: "Cluster",
    summary: "how a get or put of one file would go, step by step",
    load: async () => (await import("./commands/explain.ts")).ExplainCommand,
  },
  {
    name: "backup",
    category: "Cluster",
    summary: "write what the SuperNode must not forget to a file",
    load: async () => (await import("./commands/backup.ts")).BackupCommand,
  },
  {
    name: "restore-backup",
    category: "Cluster",
    summary: "put a SuperNode's backup into an empty directory",
    load: async () => (await import("./commands/restore-backup.ts")).RestoreBackupCommand,
  },
  {
    name: "doctor",
    category: "Cluster",
    summary: "what is wrong, what the next death would cost, and the commands that mend it",
    load: async () => (await import("./commands/doctor.ts")).DoctorCommand,
  },
  {
    name: "up",
    category: "Servers",
    summary: "a whole cluster on this machine, in one command",
    load: async () => (await import("./commands/up.ts")).UpCommand,
  },
  {
    name: "supernode",
    category: "Servers",
    summary: "run a SuperNode",
    load: async () => (await import("./commands/supernode.ts")).SuperNodeCommand,
  },
  {
    name: "datanode",
    category: "Servers",
    summary: "run a DataNode",
    load: async () => (await import("./commands/datanode.ts")).DataNodeCommand,
  },
  {
    name: "bench",
    category: "Measuring",
    summary: "measure puts, gets and listings under load",
    load: async () => (await import("./commands/bench.ts")).BenchCommand,
  },
  {
    name: "chaos",
    category: "Measuring",
    summary: "break a cluster of its own in every way, and judge every answer",
    load: async () => (await import("./commands/chaos.ts")).ChaosCommand,
  },
  {
    name: "sim",
    category: "Measuring",
    summary: "simulate clusters under faults, and check what is promised",
    load: async () => (await import("./commands/sim.ts")).SimCommand,
  },
  {
    name: "check",
    category: "Measuring",
    summary: "judge a recorded history: is it linearizable?",
    load: async () => (await import("./commands/check.ts")).CheckCommand,
  },
  {
    name: "help",
    category: "Help",
    summary: "help on a command, or on: consistency, exit-codes",
    load: async () => (await import("./commands/help.ts")).HelpCommand,
  },
];

export function findVerb(name: string): Verb | undefined {
  return VERBS.find((verb) => verb.name === name);
}

/** The command that was probably meant, if one is near. */
export function nearestVerb(name: string): string | undefined {
  const near = VERBS.map((verb) => ({ name: verb.name, edits: editDistance(name.toLowerCase(), verb.name) }))
    .filter((verb) => verb.edits <= Math.max(1, Math.floor(verb.name.length / 3)))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
