import { codeOf } from "../src/base/errors.ts";

/** The code with which it refuses at once, or the words of an error that has none; undefined when it does not refuse. */
export function refusalOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}
