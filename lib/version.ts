/** The version `--version` prints; `deno.json` carries the same. */
export const VERSION = "0.1.0";
