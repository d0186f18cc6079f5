/** What operators ask of one DataNode (proto/qdfs/v1/maintenance.proto): its scrub, and the repair of single files. */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { parseFilePath } from "../base/path.ts";
import { REPAIR_ANSWER_MS, REPAIR_PATHS_MAX } from "../limits.ts";
import type { MaintenanceApi, Runtime } from "../ports.ts";
import type { Finding, RepairReply, RepairRequest, ScrubReport, ScrubRequest } from "../wire/maintenance-messages.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Damages } from "./damages.ts";
import type { Mender } from "./mender.ts";
import type { Scrub } from "./scrub.ts";

export interface MaintenanceParts {
  readonly runtime: Runtime;
  readonly scrub: Scrub;
  readonly mender: Mender;
  readonly chunks: ChunkStore;
  readonly damages: Damages;
  readonly onFatal: (error: unknown) => void;
}

export class Maintenance implements MaintenanceApi {
  readonly #parts: MaintenanceParts;
  /** Repairs under way, and what those that ended since their last answer came to. */
  readonly #repairs = new Map<Path, { mended: boolean | undefined }>();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  async scrub({ start }: ScrubRequest): Promise<ScrubReport> {
    const { scrub, mender, chunks, damages } = this.#parts;
    if (start) scrub.force();
    const { state } = scrub;
    return {
      pass: state?.pass ?? 0,
      running: state !== undefined && state.finishedAtMs === 0,
      forced: state?.forced ?? false,
      aside: scrub.isAside,
      startedAtMs: state?.startedAtMs ?? 0,
      finishedAtMs: state?.finishedAtMs ?? 0,
      periodMs: scrub.periodMs,
      bytes: state?.bytes ?? 0,
      bytesTotal: scrub.bytesTotal,
      files: state?.files ?? 0,
      contents: state?.contents ?? 0,
      chunks: state?.chunks ?? 0,
      found: scrub.found,
      mended: scrub.mended,
      unmended: damages.openCount,
      untried: mender.untried + chunks.untried,
      findings: damages.since(scrub.since).map(plain),
    };
  }

  /** Works for REPAIR_ANSWER_MS at most, then says what is done so far. @throws QdfsError BAD_REQUEST, BAD_PATH */
  async repair(request: RepairRequest): Promise<RepairReply> {
    const { damages, runtime } = this.#parts;
    if (request.paths.length > REPAIR_PATHS_MAX) {
      throw new QdfsError("BAD_REQUEST", `a repair call names at most ${REPAIR_PATHS_MAX} files`);
    }
    const paths = new Set(request.paths.map(parseFilePath));
    const open = damages.openOf(paths);
    const since = request.since > 0 ? request.since - 1 : Math.min(damages.foundCount, ...open.map(({ serial }) => serial));
    const all = Promise.all([...paths].map((path) => this.#repair(path)));
    await Promise.race([all, new Promise<void>((resolve) => runtime.timers.after(REPAIR_ANSWER_MS, resolve))]);
    const pending: Path[] = [];
    const unmended: Path[] = [];
    for (const path of paths) {
      const { mended } = this.#repairs.get(path) ?? { mended: undefined };
      if (mended === undefined) pending.push(path);
      else this.#repairs.delete(path);
      if (mended === false) unmended.push(path);
    }
    const findings = damages.since(since).filter(({ path }) => paths.has(path));
    return { findings: findings.map(plain), pending, unmended, since: since + 1 };
  }

  /** One repair of a file at a time; what it came to waits to be asked for. */
  async #repair(path: Path): Promise<void> {
    const known = this.#repairs.get(path);
    if (known !== undefined) return;
    const repair: { mended: boolean | undefined } = { mended: undefined };
    this.#repairs.set(path, repair);
    try {
      repair.mended = await this.#parts.mender.repair(path);
    } catch (error) {
      this.#parts.onFatal(error);
    }
    // Nobody may ask any more.
    if (this.#repairs.size > 10 * REPAIR_PATHS_MAX) this.#repairs.delete(path);
  }
}

function plain({ what, path, name, why, mended }: Finding): Finding {
  return { what, path, name, why, mended };
}
