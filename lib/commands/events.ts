/**
 * The `events` command: a VM's events as they come.
 *
 * @module
 */

import { HotplugError, unsupported } from "../errors.ts";
import { unchanged } from "../monitor/failure.ts";
import { RUN_STATE } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { readSchema } from "../monitor/raw_command.ts";
import { EventFollower, type EventOrGap } from "../monitor/follow.ts";
import type { QmpSession } from "../qmp/client.ts";
import { type Call, streamsOf } from "./answer.ts";
import { documentLine } from "./document.ts";
import { didYouMean } from "../words/nearest.ts";
import { isReaderThere } from "./reader.ts";
import { amount } from "../words/request_words.ts";
import { FOR } from "./commands.ts";
import { reachOf } from "./requests.ts";
import { documentOf, recordFault, recordReader, textOf } from "./event_text.ts";
import { targetOf } from "./target.ts";
import { maskSecrets } from "../words/secrets.ts";
import { warningText } from "./report.ts";
import { isFollower } from "./follower.ts";

/** @throws {HotplugError} `unsupported` if this QEMU has no such event */
async function checkEvent(name: string, session: QmpSession): Promise<void> {
  const { events } = await readSchema(session);
  if (events.includes(name)) return;
  throw unsupported(
    `This QEMU has no event ${JSON.stringify(name)}`,
    didYouMean(name, events),
  );
}

/** Why an event did not come. */
function notCome(
  name: string,
  end: "vm-ended" | "away" | "timeout",
  seconds: number,
): HotplugError {
  switch (end) {
    case "vm-ended":
      return new HotplugError(
        "not-running",
        `The VM ended before event ${name} occurred`,
      );
    case "away":
      return new HotplugError(
        "monitor-busy",
        `It is not known whether ${name} occurred within ${seconds} s: another kvm-hotplug used the monitor until the end`,
      );
    case "timeout":
      return new HotplugError(
        "event-timeout",
        `${name} did not occur within ${seconds} s`,
      );
  }
}

/**
 * Follows a VM's events until a signal, `--until`, `--for`, or the end of the
 * VM.
 */
export async function events(call: Call): Promise<undefined> {
  const { invocation, terminal, trace } = call;
  const reach = reachOf(invocation, terminal.env);
  const target = targetOf(invocation, reach);
  const forMs = amount(invocation, FOR);
  const deadline = performance.now() + (forMs ?? Infinity);
  const until = invocation.values.get("until")?.toUpperCase();
  const { write } = streamsOf(call);
  const asJson = invocation.flags.has("json");
  const entriesFor = recordReader(target);
  const see = async (seen: EventOrGap) => {
    const entries = entriesFor(seen);
    const line = asJson
      ? documentLine(documentOf(seen, entries, target.label))
      : maskSecrets(textOf(seen, entries));
    if (await write(line + "\n") === "gone") return "stop";
    const last = seen.kind === "event" && seen.event.event === until;
    return last ? "stop" : "go-on";
  };
  const follower = new EventFollower(target.paths.qmp, {
    timeoutMs: reach.timeoutMs,
    relayDir: reach.runDir,
    trace: trace.qmp,
    signal: terminal.signal,
    deadline,
    begin: async (session) => {
      if (until !== undefined) await checkEvent(until, session);
      const fault = recordFault(target);
      if (fault) terminal.err(warningText(fault) + "\n");
    },
    isFollower,
    isWanted: isReaderThere,
    // A QEMU that hangs sends no events, either.
    atDeadline: async (session) => {
      if (until !== undefined) await unchanged(() => ask(session, RUN_STATE));
    },
    see,
  });
  const end = await follower.run();
  if (until === undefined || end === "stopped" || end === "aborted") return;
  throw notCome(until, end, (forMs ?? 0) / 1000);
}
