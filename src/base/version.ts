import manifest from "../../package.json" with { type: "json" };

/** The version of this program, from package.json; the bundler embeds it. */
export const VERSION: string = manifest.version;
