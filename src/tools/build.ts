/** `npm run build`: compiles dist/qdfs, one file that runs with nothing beside it. Does nothing when nothing has changed. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const DIST = join(ROOT, "dist");
const BINARY = join(DIST, "qdfs");
const STAMP = join(DIST, "qdfs.stamp");

/** What the executable is made of: the sources, the locked packages, this compiler. */
function sourcesHash(): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const files = ["{src,proto}/**/*", "package.json", "package-lock.json"].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync({ cwd: ROOT }),
  ]);
  for (const file of files.sort()) hasher.update(`${file}\n`).update(readFileSync(join(ROOT, file)));
  return hasher.update(`${Bun.version} ${process.platform} ${process.arch}`).digest("hex");
}

function compile(target: string): void {
  const run = Bun.spawnSync(
    [
      process.execPath,
      "build",
      "--compile",
      "--minify-syntax",
      "--minify-whitespace",
      "--bytecode",
      // In parts: a command loads what it needs, not all of the runtime's modules that others need.
      "--format=esm",
      "--splitting",
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      "src/main.ts",
      "--outfile",
      target,
    ],
    { cwd: ROOT, stdout: "pipe", stderr: "pipe" },
  );
  if (run.exitCode === 0) return;
  process.stderr.write(`${run.stdout.toString()}${run.stderr.toString()}build: bun build failed\n`);
  process.exit(1);
}

const hash = sourcesHash();
if (!existsSync(BINARY) || !existsSync(STAMP) || readFileSync(STAMP, "utf8") !== hash) {
  mkdirSync(DIST, { recursive: true });
  // Compiled beside and renamed: a running qdfs keeps its file, and two builds at once do not mix.
  const temporary = join(DIST, `.qdfs-${process.pid}`);
  const began = Bun.nanoseconds();
  compile(temporary);
  rmSync(STAMP, { force: true });
  renameSync(temporary, BINARY);
  writeFileSync(STAMP, hash);
  process.stderr.write(`build: dist/qdfs in ${((Bun.nanoseconds() - began) / 1e9).toFixed(1)} s\n`);
}
