/**
 * The `completion` command: scripts for the shells, and the words that the
 * scripts ask for.
 *
 * @module
 */

import { messageOf, usage } from "../errors.ts";
import { completeLive } from "../monitor/complete.ts";
import { lookAt } from "../host/look.ts";
import { listInstances, wholeNameOf } from "../plan/instances.ts";
import { openMonitor } from "../monitor/monitor.ts";
import { readSchema } from "../monitor/raw_command.ts";
import type { QmpSession } from "../qmp/client.ts";
import { list, text } from "../qmp/reading.ts";
import { instancePaths, isInstanceName } from "../state/instance.ts";
import type { Answer, Call } from "./answer.ts";
import {
  type Candidate,
  complete,
  FILES,
  type Lookups,
  plainWords,
} from "./complete.ts";
import { deviceWords } from "./device_words.ts";
import { SCRIPTS } from "./completion_scripts.ts";
import { reachOf } from "./requests.ts";
import { printable } from "../words/text.ts";

/** Longest time, because a person waits at the prompt; in milliseconds. */
const PATIENCE_MS = 300;

/** A question without an answer offers nothing. */
async function orNone<T>(ask: () => T[] | Promise<T[]>): Promise<T[]> {
  try {
    return await ask();
  } catch {
    return [];
  }
}

function qmpPath(runDir: string, instance: string): string {
  if (instance.includes("/")) return instance;
  if (!isInstanceName(instance)) throw usage(`No instance ${instance}`);
  return instancePaths(runDir, wholeNameOf(runDir, instance)).qmp;
}

/** The answer of a VM; nothing if the VM does not answer soon. */
function onVm<T>(
  runDir: string,
  instance: string,
  work: (session: QmpSession) => Promise<T[]>,
): Promise<T[]> {
  return orNone(async () => {
    const path = qmpPath(runDir, instance);
    using session = await openMonitor(path, { timeoutMs: PATIENCE_MS });
    return await work(session);
  });
}

async function commandsOf(session: QmpSession): Promise<Candidate[]> {
  const reply = await session.execute("query-commands");
  const names = list(reply).map(({ name }) => text(name));
  return plainWords(names.sort());
}

function devicesOf(
  runDir: string,
  kind: string,
  instance: string,
): Candidate[] {
  if (!isInstanceName(instance)) return [];
  const name = wholeNameOf(runDir, instance);
  return deviceWords(instancePaths(runDir, name).runtime, kind);
}

/** Names of this node's bridges. */
function listBridges(): string[] {
  const folder = "/sys/class/net";
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => lookAt(`${folder}/${name}/bridge`) !== undefined)
    .sort();
}

function lookupsIn(runDir: string): Lookups {
  return {
    instances: () => orNone(() => plainWords(listInstances(runDir))),
    devices: (kind, instance) =>
      orNone(() => devicesOf(runDir, kind, instance)),
    commands: (instance) => onVm(runDir, instance, commandsOf),
    args: (at) =>
      onVm(
        runDir,
        at.instance,
        async (session) =>
          await completeLive(session, await readSchema(session), at),
      ),
    events: (instance) =>
      onVm(
        runDir,
        instance,
        async (session) => plainWords((await readSchema(session)).events),
      ),
    bridges: () => orNone(() => plainWords(listBridges())),
  };
}

/** The run directory in the line being typed, else the usual one. */
function runDirOf(words: readonly string[], call: Call): string {
  const at = words.indexOf("--run-dir");
  const given = at < 0 ? undefined : words[at + 1];
  const joined = words.find((word) => word.startsWith("--run-dir="));
  return given ?? joined?.slice("--run-dir=".length) ??
    reachOf(call.invocation, call.terminal.env).runDir;
}

/** Control characters would end a candidate too early. */
function line({ word, note }: Candidate): string {
  return note === "" ? printable(word) : `${printable(word)}\t${note}`;
}

/**
 * Runs `completion`.
 *
 * @throws {HotplugError} `usage`
 */
export async function completion(call: Call): Promise<Answer | undefined> {
  const [what = "", ...words] = call.invocation.operands;
  if (what !== "words") {
    const script = SCRIPTS.get(what);
    if (script === undefined) {
      throw usage(
        `Unknown shell ${JSON.stringify(what)}`,
        `shells: ${[...SCRIPTS.keys()].join(", ")}`,
      );
    }
    return { text: script.split("\n"), document: { ok: true, script } };
  }
  const lookups = lookupsIn(runDirOf(words, call));
  const found = await complete(words, lookups).catch((error) => {
    throw usage(messageOf(error));
  });
  const lines = found === FILES ? [":files"] : found.map(line);
  // Tabs and line breaks belong to the format here, so they are not escaped.
  const { flags } = call.invocation;
  if (flags.has("json")) {
    return { text: [], document: { ok: true, words: found } };
  }
  call.terminal.out(lines.map((one) => one + "\n").join(""));
  return undefined;
}
