/**
 * What the built tool starts with, so that nothing but its arguments and the
 * variables it reads itself can influence it.
 *
 * Tried with Deno 2.9.6, each for itself (`deno eval`, strace): a broken
 * ~/.npmrc, NODE_OPTIONS=--require, DENO_V8_FLAGS, NODE_CHANNEL_FD,
 * DENO_PERMISSION_BROKER_PATH and DENO_TOKIO_EVENT_INTERVAL stop it;
 * DENO_UNSTABLE_CONTROL_SOCK makes it wait; DENO_AUDIT_PERMISSIONS writes a
 * file, and SSLKEYLOGFILE makes one; COMPLETE=bash answers in the program's
 * place; OTEL_DENO sends telemetry; on a host without Node it puts a `node`
 * into its cache folder and that folder in front of PATH. Programs made by
 * `deno compile` are built of the same parts. No flag turns these off, so the
 * start stub hides them.
 *
 * The list is complete for what a start asks getenv(3) for, seen through a
 * library that LD_PRELOAD puts before it, with `list`, `check` and `rpc`. What
 * is not hidden of it: HOME, LANG, LC_*, NO_COLOR, TERM and TMPDIR, which
 * children may need, and CI, COLORTERM, FORCE_COLOR and TMUX, which colour
 * Deno's own messages. The last line of rules is what its parts read besides
 * (aws-lc, simdutf, SQLite, ICU, libffi).
 *
 * @module
 */

import { documentLine } from "../../lib/commands/document.ts";
import { failureDocument, failureText } from "../../lib/commands/report.ts";
import { refuse } from "../../lib/errors.ts";
import { dataUrl } from "./data_url.ts";
import type { Limit, Refusal, Surroundings } from "./stub.ts";

/**
 * Deno's cache folder, which it makes at every start: the place of
 * code_cache/stub.ts, in memory. Where there is none, none can be made there, and
 * Deno carries on without. A folder elsewhere that merely does not exist it
 * would make, as root.
 */
const CACHE_FOLDER = "/proc/self/fd/901";

/**
 * HOME while Deno starts: Deno reads $HOME/.npmrc, or without HOME the file in
 * the home of the passwd entry, and a broken file is fatal. Here open(2) says
 * ENOENT, the only answer that Deno accepts; no process can make files in it.
 */
const NO_HOME = "/proc/self/fdinfo/none";

/** The caller's HOME travels under this name until the program has begun. */
const SAVED_HOME = "~OME";

/**
 * Every command can be carried out with 27 free descriptors, and some more for
 * the many queues of a NIC or images of a chain. With fewer than 11, or 18 with
 * the caches of code_cache/stub.ts, Deno 2.9.6 panics (in its event loop, its
 * standard streams, its signals) or the program cannot read its own text; with
 * fewer than 27 a change may fail in its middle, and its undoing, too.
 */
const NEEDED_FDS = 32;

function refusalOf(why: string): Refusal {
  const refusal = refuse(`Cannot start: ${why}`);
  return {
    line: `${failureText(refusal)}\n`,
    document: `${documentLine(failureDocument(refusal, undefined))}\n`,
  };
}

/**
 * Limits under which Deno or V8 abort, from bits/resource.h. V8 lets JavaScript
 * use 984 KiB of the stack, below what Rust used: 1024 KiB do not suffice. It
 * reserves 32 GiB of addresses at a multiple of 32 GiB (of 36,000,000 KiB it
 * fails now and then), 512 MiB of them as writable data for code.
 */
const LIMITS: readonly Limit[] = [
  {
    ...{ resource: 3, bits: 21 },
    refusal: refusalOf(
      "the stack is limited to less than 2 MiB: raise the limit (ulimit -s)",
    ),
  },
  {
    ...{ resource: 2, bits: 30 },
    refusal: refusalOf(
      "the data of a process is limited to less than 1 GiB: raise the limit (ulimit -d)",
    ),
  },
  {
    ...{ resource: 9, bits: 36 },
    refusal: refusalOf(
      "the address space is limited to less than 64 GiB: raise the limit (ulimit -v)",
    ),
  },
];

/** The surroundings that {@linkcode packElf} sets up for the tool. */
export const SURROUNDINGS: Surroundings = {
  variables: [
    `DENO_DIR=${CACHE_FOLDER}`,
    "DENO_DISABLE_NODE_SHIM=1",
    "DENO_NO_UPDATE_CHECK=1",
    `HOME=${NO_HOME}`,
  ],
  rules: [
    ...[
      ..."DENO_ OTEL_ NODE_ NPM_CONFIG_ npm_config_ JSR_ RUST_ RAYON_"
        .split(" "),
      ..."COMPLETE= SSLKEYLOGFILE= OPENSSL_ SIMDUTF_ SQLITE_ ICU_ LIBFFI_"
        .split(" "),
    ].map((prefix) => ({ prefix })),
    { prefix: `${SAVED_HOME}=` },
    { prefix: "HOME=", firstByte: "~" },
  ],
  // A relative path finds as little here as in the deleted directory, and it
  // too is gone once the process has ended. "/" would give "dev/sda" a meaning.
  refuge: "/proc/self/fdinfo",
  // On a terminal Deno tells at length that it could not make its caches.
  sink: "/dev/null",
  needs: {
    descriptors: NEEDED_FDS,
    fewDescriptors: refusalOf(
      `fewer than ${NEEDED_FDS} file descriptors are free: raise the limit (ulimit -n)`,
    ),
    noProc: refusalOf(
      "/proc is not there: mount it (mount -t proc proc /proc)",
    ),
    limits: LIMITS,
  },
};

/**
 * Puts a terminal back where the stub took it from: stderr. Where there was
 * none dup2(2) says EBADF.
 */
const RESTORE_STDERR =
  `try{if(Deno.readLinkSync("/proc/self/fd/2")==="/dev/null"){` +
  `const{symbols:s}=Deno.dlopen("libc.so.6",{` +
  `dup2:{parameters:["i32","i32"],result:"i32"},` +
  `close:{parameters:["i32"],result:"i32"}});` +
  `if(s.dup2(900,2)===2)s.close(900)}}catch{}`;

/**
 * JavaScript to run before the program: takes the variables of the start out
 * again, so that neither it nor its children see them, and gives HOME back.
 * A HOME that is not UTF-8 is taken out.
 *
 * The global `process` goes too: Deno builds its Node world at the first look
 * at it, and @std/path has such a look (20 ms and 4 MiB) before it asks
 * `Deno.build`. A program that wants it imports `node:process`.
 */
export const PRELUDE = RESTORE_STDERR + `{const e=Deno.env;let h;` +
  `try{h=e.get("${SAVED_HOME}")}catch{}` +
  `for(const n of ["DENO_DIR","DENO_DISABLE_NODE_SHIM",` +
  `"DENO_NO_UPDATE_CHECK","HOME","${SAVED_HOME}"])e.delete(n);` +
  `if(h!==undefined)e.set("HOME",h)}delete globalThis.process;\n`;

/**
 * V8 for a program that lives for 50 ms: no helper threads (3 ms, 4 MiB), no
 * compilers that pay off later, TurboFan only for what runs 100,000 times (1 ms
 * a function, waited for), no collection of the first 4 MiB of garbage (1 ms
 * each), regular expressions compiled only once they ran often (2 to 3 ms), no
 * bytecode made better that runs once (1 ms).
 *
 * And for `rpc`, which may live for months: V8 is kept from doubling the space
 * for new objects up to 32 MiB, and from marking in steps, meanwhile it collects
 * nothing. Resident MiB by changes, a scripted QEMU, a disk in and out in turn:
 *
 *     changes                        0   100   500  1000  1300  1700  3000
 *     before                        43    63   102   149   153     -     -
 *     new space at most 4 MiB       43    59    68    85    88     -     -
 *     and no incremental marking    43    57    66    74    79    80    80
 *
 * 37 of it are pages of the executable. After a full collection 7 MiB are alive,
 * at 1,200 changes as at 2,500. CPU of 500 changes is as before (4.0 s).
 */
export const V8_FLAGS = "--v8-flags=" + [
  "--single-threaded",
  "--no-sparkplug",
  "--no-maglev",
  "--min-semi-space-size=4",
  "--max-semi-space-size=4",
  "--no-incremental-marking",
  "--regexp-tier-up-ticks=1000",
  "--no-ignition-reo",
  "--invocation-count-for-turbofan=100000",
].join(",");

/** Flags that keep `deno run` and `deno compile` off everything around. */
export const ISOLATION = [
  "--no-config", // deno.json, package.json, import map
  "--no-lock",
  "--no-npm",
  "--no-remote",
  "--cached-only",
  "--node-modules-dir=none",
] as const;

/** The flags of `deno run` before the program. */
export const RUN_FLAGS: readonly string[] = [
  "--allow-all",
  ...ISOLATION,
  V8_FLAGS,
];

/**
 * The arguments that make Deno run an ES module, to which what the user gives
 * is added. argv[0] is fixed because a Deno called `dx` is another program.
 * `run` takes 2 ms less than `eval`, and alone of the two has V8's code cached.
 */
export function runArguments(code: string): string[] {
  return ["deno", "run", ...RUN_FLAGS, dataUrl(code)];
}

/**
 * JavaScript that answers one lone word before any chunk is compiled, which is
 * most of the time of `--version`.
 */
export function quickAnswer(word: string, answer: string): string {
  const [said, text] = [word, answer + "\n"].map((one) => JSON.stringify(one));
  return `if(Deno.args.length===1&&Deno.args[0]===${said}){` +
    `try{Deno.stdout.writeSync(new TextEncoder().encode(${text}))}catch{}` +
    `Deno.exit(0)}`;
}
