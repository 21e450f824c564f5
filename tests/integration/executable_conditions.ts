/**
 * What stands around a tool on a host and must not influence it.
 *
 * @module
 */

/** Something around the tool that must not matter. */
export interface Condition {
  readonly env?: Record<string, string>;
  /** Files to put into the current directory or the home. */
  readonly files?: Record<string, string>;
  /** Does it disturb Deno itself? Then this is asserted, as a control. */
  readonly disturbs?: "Deno";
}

/** By what stands around the tool. */
export const CONDITIONS: Record<string, Condition> = {
  "a broken configuration": {
    files: {
      "cwd/deno.json": "{broken",
      "cwd/package.json": "{broken",
      "cwd/deno.lock": "{broken",
      "cwd/.npmrc": "registry=:::",
      "cwd/.env": "PLANTED=1",
    },
    disturbs: "Deno",
  },
  "an import map": {
    files: {
      "cwd/deno.json": '{"imports":{"node:fs":"./x.js"},"lock":"./l.lock"}',
    },
  },
  "a broken .npmrc": {
    files: { "home/.npmrc": "@x:registry=::::" },
    disturbs: "Deno",
  },
  "DENO_V8_FLAGS": { env: { DENO_V8_FLAGS: "--bogus" }, disturbs: "Deno" },
  "NODE_OPTIONS": { env: { NODE_OPTIONS: "--require /x" }, disturbs: "Deno" },
  "NODE_CHANNEL_FD": { env: { NODE_CHANNEL_FD: "7" }, disturbs: "Deno" },
  "NODE_EXTRA_CA_CERTS": { env: { NODE_EXTRA_CA_CERTS: "/x" } },
  "DENO_STARTUP_PHASES": {
    env: { DENO_STARTUP_PHASES: "1" },
    disturbs: "Deno",
  },
  "DENO_LOG": { env: { DENO_LOG: "debug" }, disturbs: "Deno" },
  "DENO_PERMISSION_BROKER_PATH": {
    env: { DENO_PERMISSION_BROKER_PATH: "/x" },
    disturbs: "Deno",
  },
  "DENO_UNSTABLE_CONTROL_SOCK": {
    env: { DENO_UNSTABLE_CONTROL_SOCK: "unix:/x" }, // Deno waits for it
  },
  "DENO_DIR": { env: { DENO_DIR: "/nonexistent/deno" } },
  "DENO_CERT": { env: { DENO_CERT: "/x", DENO_TLS_CA_STORE: "x" } },
  "NPM_CONFIG_REGISTRY": { env: { NPM_CONFIG_REGISTRY: ":::" } },
  "RUST_BACKTRACE": { env: { RUST_BACKTRACE: "full", RUST_LOG: "trace" } },
  "SSLKEYLOGFILE": { env: { SSLKEYLOGFILE: "keys" }, disturbs: "Deno" },
  "COMPLETE": { env: { COMPLETE: "bash" }, disturbs: "Deno" },
  "variables of Deno's parts": {
    env: {
      OPENSSL_ia32cap: "0",
      SIMDUTF_FORCE_IMPLEMENTATION: "x",
      SQLITE_TMPDIR: "/nonexistent",
      ICU_DATA: "/nonexistent",
      LIBFFI_TMPDIR: "/nonexistent",
    },
  },
  "a forged saved HOME": { env: { "~OME": "/forged" } },
  "a PATH without node": { env: { PATH: "/nowhere" } },
  "an empty HOME": { env: { HOME: "" } },
  "a relative HOME": { env: { HOME: "home" } },
  "a HOME nobody can write": { env: { HOME: "/proc" } },
  "an XDG_CACHE_HOME nobody can write": { env: { XDG_CACHE_HOME: "/proc" } },
  "a missing TMPDIR": { env: { TMPDIR: "/nonexistent" } },
};
