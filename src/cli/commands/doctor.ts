import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { formatCount, formatDuration, formatFiles, formatSize, parseCount } from "../../base/units.ts";
import { type BackupAge, backupAge } from "../../doctor/backup.ts";
import { diagnose, isHealthy } from "../../doctor/diagnose.ts";
import type { Facts } from "../../doctor/facts.ts";
import type { Finding } from "../../doctor/finding.ts";
import { type HealthRow, healthRows } from "../../doctor/health-rows.ts";
import { DOCTOR_FILES_DEFAULT } from "../../tool-limits.ts";
import { ClientCommand } from "../base-command.ts";
import { type Output, table } from "../output.ts";

export class DoctorCommand extends ClientCommand {
  static override paths = [["doctor"]];
  static override usage = Command.Usage({
    details: `Says what is wrong with the cluster, worst first, with the commands that mend it; which files have fewer copies than they should;
      what would be lost or unavailable if one more DataNode died; how far the clocks are apart; how full the disks are; how old the newest
      backup of the SuperNode's state is. It asks every server itself, so it works while the SuperNode is down, and changes nothing. "critical": files cannot be read or written, or the last copy is in danger. "warning":
      something is not as it should be. "note": worth knowing.

      Exit code 0: nothing is wrong, there are notes at most. 11: there are warnings or worse. 5: the cluster could not be reached, so nothing is known.`,
    examples: [
      ["Is everything well, and if not, what is to be done?", "$0 doctor"],
      ["Compare the replicas of at most 100,000 files", "$0 doctor --limit 100000"],
      ["For scripts and monitoring", "$0 doctor --json || echo 'look at it'"],
    ],
  });

  readonly limit = Option.String("--limit", {
    description: `K compare what the replicas of at most this many files hold (default ${formatCount(DOCTOR_FILES_DEFAULT)}; 0: none)`,
  });

  override async run(output: Output): Promise<Exit> {
    const filesMax = this.limit === undefined ? DOCTOR_FILES_DEFAULT : parseCount(this.limit, "--limit", 0);
    return await this.withClient(async (client) => {
      const facts = await client.examine(filesMax);
      const findings = diagnose(facts);
      const healthy = isHealthy(findings);
      const nodes = healthRows(facts);
      const { checked = 0, isAll = false } = facts.files ?? {};
      const { clusterId, version: mapVersion } = facts.map;
      const files = facts.files === undefined ? null : { checked, all: isAll, belowN: facts.files.thin.length };
      const backup = backupAge(facts);
      output.row(
        { clusterId, mapVersion, healthy, findings, nodes, files, backup: backup ?? null },
        words(facts, findings, nodes, backup),
      );
      return healthy ? Exit.DONE : Exit.VIOLATION;
    });
  }
}

const MARKS = { critical: "!!", warning: "! ", note: "- " } as const;

function words(
  { map, files }: Facts,
  findings: readonly Finding[],
  rows: readonly HealthRow[],
  backup: BackupAge | undefined,
): string {
  const wrong = findings.filter(({ severity }) => severity !== "note").length;
  const verdict = wrong === 0 ? "healthy" : `${wrong} ${wrong === 1 ? "thing is" : "things are"} wrong`;
  const looked = files === undefined ? "no file was looked at" : `the replicas of ${formatFiles(files.checked)} were compared`;
  return [
    `cluster ${map.clusterId}: ${verdict}; ${looked}`,
    ...findings.flatMap((finding) => ["", ...findingLines(finding)]),
    "",
    table(rows, [
      { title: "server", cell: ({ id }) => id },
      { title: "state", cell: ({ state }) => state },
      { title: "version", cell: ({ version }) => version ?? "-" },
      { title: "clock", cell: clockWords, right: true },
      { title: "used", cell: ({ usedBytes }) => (usedBytes === null ? "-" : formatSize(usedBytes)), right: true },
      { title: "free", cell: ({ freeBytes }) => (freeBytes === null ? "-" : formatSize(freeBytes)), right: true },
      { title: "if it died now, partitions", cell: ({ ifItDied }) => ifItDied.words },
    ]),
    ...(backup === undefined ? [] : ["", `${backup.words}   # ${backup.make}`]),
  ].join("\n");
}

function findingLines({ severity, what, count, examples, mend }: Finding): readonly string[] {
  const more = count > examples.length && examples.length > 1 ? [`     … of ${formatCount(count)}`] : [];
  return [
    `${MARKS[severity]} ${what}`,
    ...examples.map((one) => `     ${one}`),
    ...more,
    ...mend.map((command) => `   > ${command}`),
  ];
}

/** Against this machine's. */
function clockWords({ clockAheadMs, clockErrorMs }: HealthRow): string {
  if (clockAheadMs === null || clockErrorMs === null) return "-";
  return `${clockAheadMs < 0 ? "-" : "+"}${formatDuration(Math.abs(clockAheadMs))} ± ${formatDuration(clockErrorMs)}`;
}
