/** From argv to an exit code. */
import { Cli } from "clipanion";
import { assert, Exit, messageOf, QdfsError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { arrange, valueFlagsOf } from "./arguments.ts";
import { QdfsCommand } from "./base-command.ts";
import { reportFailure } from "./failure.ts";
import { commandHelp } from "./help.ts";
import { StdoutClosed } from "./output.ts";
import { overview } from "./overview.ts";
import { watchSignals } from "./signals.ts";
import { findVerb, nearestVerb, type Verb } from "./verbs.ts";

const FLAGS_BEFORE_VERB = new Set(["--json", "-q", "--quiet", "-v", "--verbose"]);
const VALUES_BEFORE_VERB = new Set(["--supernode", "--timeout"]);

/** Runs one command line (without the program's name) to its end. Never throws: what fails is reported on stderr. */
export async function runCommandLine(argv: readonly string[]): Promise<Exit> {
  const end = argv.indexOf("--");
  const flags = end === -1 ? argv : argv.slice(0, end);
  watchSignals(flags.includes("--json"));
  try {
    return await dispatch(verbFirst(argv), flags);
  } catch (error) {
    if (error instanceof StdoutClosed) return Exit.DONE;
    return reportFailure(error, flags.includes("--json"));
  }
}

async function dispatch(argv: readonly string[], flags: readonly string[]): Promise<Exit> {
  const [name, ...rest] = argv;
  if (name === "--version" || name === "-V") return print(VERSION);
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) return print(overview());
  if (name === undefined) throw usageError("which command?", "`qdfs help` lists them");
  const verb = findVerb(name);
  if (verb === undefined) {
    const near = nearestVerb(name);
    throw usageError(
      `there is no command ${JSON.stringify(name)}`,
      near === undefined ? "`qdfs help` lists them" : `did you mean \`qdfs ${near}\`?`,
    );
  }
  if (flags.includes("--help") || flags.includes("-h")) return print(await commandHelp(verb));
  const command = await parse(verb, rest);
  return await command.execute();
}

async function parse(verb: Verb, rest: readonly string[]): Promise<QdfsCommand> {
  const cli = new Cli({ binaryName: "qdfs" });
  cli.register(await verb.load());
  const arranged = arrange(rest, valueFlagsOf(cli.definitions()));
  try {
    const command = cli.process([verb.name, ...arranged], {});
    assert(command instanceof QdfsCommand, "every command is a QdfsCommand");
    return command;
  } catch (error) {
    throw asUsageError(error, verb);
  }
}

/** clipanion's complaint, without its usage dump; anything else is passed on. */
function asUsageError(error: unknown, verb: Verb): unknown {
  if (!(error instanceof Error) || !("clipanion" in error)) return error;
  const [first = ""] = messageOf(error).split("\n");
  // The verb is known here: what fits none of its forms are the arguments.
  const unfit = /^command not found/i.test(first) ? "these arguments do not fit, or some are missing" : undefined;
  const what = unfit ?? first.replace(/\.$/, "").replace(/^./, (letter) => letter.toLowerCase());
  const dash = /option name \("-[^-]/.test(first) ? "; a file whose name begins with - goes after --" : "";
  return usageError(`${verb.name}: ${what}`, `see \`qdfs help ${verb.name}\`${dash}`);
}

function usageError(message: string, hint: string): QdfsError {
  return new QdfsError("BAD_USAGE", message, { hint });
}

/** Common flags may also stand before the command. */
function verbFirst(argv: readonly string[]): readonly string[] {
  let index = 0;
  for (;;) {
    const word = argv[index];
    if (word === undefined) return argv;
    const name = word.split("=", 1)[0] ?? word;
    if (FLAGS_BEFORE_VERB.has(word)) index += 1;
    else if (VALUES_BEFORE_VERB.has(name)) index += name === word ? 2 : 1;
    else break;
  }
  const [verb, ...rest] = argv.slice(index);
  return verb === undefined || index === 0 ? argv : [verb, ...argv.slice(0, index), ...rest];
}

async function print(text: string): Promise<Exit> {
  await new Promise<void>((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
  return Exit.DONE;
}
