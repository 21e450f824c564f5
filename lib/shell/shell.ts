/**
 * The `shell` command: QMP and the tool's own commands on one VM, with its
 * events in between.
 *
 * @module
 */

import { HotplugError, named, remarkText, usage } from "../errors.ts";
import { EventFollower, type EventOrGap } from "../monitor/follow.ts";
import { readSchema } from "../monitor/raw_command.ts";
import type { Schema } from "../qmp/schema.ts";
import {
  type Call,
  type Document,
  type Streams,
  streamsOf,
} from "../commands/answer.ts";
import { historyPath, keepLine, readHistory } from "./history.ts";
import { type LineEditor, openEditor } from "./line_editor.ts";
import { answerDocument, documentLine } from "../commands/document.ts";
import {
  failureDocument,
  failureText,
  warningText,
} from "../commands/report.ts";
import { reachOf } from "../commands/requests.ts";
import { helpText, unknownCommand } from "./help.ts";
import { isOwn, ownInvocation, runQmp } from "./line.ts";
import { replyLines } from "../commands/qmp_words.ts";
import { completeLine } from "./complete.ts";
import { splitWords } from "./words.ts";
import {
  documentOf,
  recordFault,
  recordReader,
  textOf,
} from "../commands/event_text.ts";
import { targetOf } from "../commands/target.ts";
import type { Target } from "../plan/facts.ts";
import { maskSecrets } from "../words/secrets.ts";
import { printable } from "../words/text.ts";
import { isFollower } from "../commands/follower.ts";

/** One shell on one VM. */
class Shell {
  readonly #call: Call;
  readonly #target: Target;
  readonly #follower: EventFollower;
  readonly #entriesFor: ReturnType<typeof recordReader>;
  readonly #end = new AbortController();
  #editor: LineEditor | undefined;
  #schema: Schema | undefined;
  /** For output that no editor prints on a terminal. */
  readonly #write: Streams["write"];
  #written: Promise<void> = Promise.resolve();
  /** Why output was lost. */
  #lost: HotplugError | undefined;
  /** Aborts the running command. */
  #running: AbortController | undefined;

  constructor(call: Call) {
    this.#call = call;
    const { invocation, terminal, trace } = call;
    const reach = reachOf(invocation, terminal.env);
    this.#target = targetOf(invocation, reach);
    terminal.signal.addEventListener("abort", () => this.#stop());
    this.#write = streamsOf(call).write;
    this.#entriesFor = recordReader(this.#target);
    this.#follower = new EventFollower(this.#target.paths.qmp, {
      timeoutMs: reach.timeoutMs,
      relayDir: reach.runDir,
      trace: trace.qmp,
      signal: this.#end.signal,
      deadline: Infinity,
      begin: async (session) => {
        this.#schema = await readSchema(session);
        const fault = recordFault(this.#target);
        if (fault) terminal.err(warningText(fault) + "\n");
      },
      isFollower,
      isWanted: () => true,
      see: (seen) => this.#see(seen),
    });
  }

  get #isJson(): boolean {
    return this.#call.invocation.flags.has("json");
  }

  #stop() {
    this.#running?.abort();
    this.#end.abort();
    this.#editor?.close();
  }

  /** Carries out lines until their end, a signal, or the end of the VM. */
  async run(): Promise<void> {
    const started = Promise.withResolvers<void>();
    const following = this.#follower.run();
    following.then(() => {
      this.#running?.abort();
      this.#editor?.close();
    }, started.reject);
    this.#follower.do(() => Promise.resolve()).then(
      started.resolve,
      started.reject,
    );
    await Promise.race([started.promise, following]);
    const kept = historyPath(this.#call.terminal.env);
    this.#editor = await openEditor({
      history: kept === undefined ? [] : readHistory(kept),
      prompt: `${printable(this.#target.label)}> `,
      complete: (line) => this.#complete(line),
      interrupted: () => this.#interrupt(),
    });
    if (this.#call.terminal.signal.aborted) this.#stop();
    try {
      await this.#readLines(this.#editor, kept);
    } finally {
      this.#editor.close();
      this.#end.abort();
      const end = await following;
      const { label: instance } = this.#target;
      const ended = { instance, ended: true };
      if (end === "vm-ended") this.#print("The VM has ended.", ended);
    }
    await this.#written;
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** @param kept the file for typed lines, if there is one */
  async #readLines(
    editor: LineEditor,
    kept: string | undefined,
  ): Promise<void> {
    if (editor.isTerminal && !this.#isJson) {
      editor.print(
        "Type a QMP command or a kvm-hotplug command; help shows more, exit ends.",
      );
    }
    for (;;) {
      const line = await editor.next();
      if (line === undefined) return;
      if (line.trim() === "") continue;
      if (kept !== undefined && editor.isTerminal) keepLine(kept, line);
      if (await this.#line(line) === "exit") return;
    }
  }

  async #line(line: string): Promise<"exit" | undefined> {
    this.#running = new AbortController();
    try {
      return await this.#carryOut(splitWords(line));
    } catch (error) {
      const failure = named(error);
      this.#print(
        failureText(failure),
        failureDocument(failure, this.#target.label),
      );
      return undefined;
    } finally {
      this.#running = undefined;
    }
  }

  async #carryOut(words: string[]): Promise<"exit" | undefined> {
    const [first = "", ...rest] = words;
    if (first === "exit") return "exit";
    if (first === "quit" && rest.length === 0) {
      throw usage(
        "The QMP command quit ends the VM",
        "to end this shell, type: exit; to end the VM, type: qmp quit",
      );
    }
    if (first === "help" || first === "?") {
      const help = helpText(rest, this.#schema);
      const document = { ok: true, instance: this.#target.label, help };
      this.#print(help, answerDocument({ document }));
    } else if (first === "qmp") await this.#qmp(rest);
    else if (isOwn(words)) await this.#own(words);
    else if (this.#schema?.commands.includes(first) === false) {
      throw unknownCommand(words, this.#schema);
    } else await this.#qmp(words);
    return undefined;
  }

  async #qmp(words: readonly string[]): Promise<void> {
    const schema = this.#schema;
    if (schema === undefined) throw new HotplugError("not-running", "No VM");
    const work = runQmp(schema, words);
    const value = await this.#follower.do(work);
    const reader = this.#editor?.isTerminal ? "person" : "program";
    const lines = replyLines(words[0] ?? "", value, reader);
    const command = words[0] ?? "";
    const about = { ok: true, instance: this.#target.label, command };
    const document = answerDocument({ document: { ...about, return: value } });
    this.#print(lines.map(printable).join("\n"), document);
  }

  /** A command of ours needs the monitor alone. */
  async #own(words: readonly string[]): Promise<void> {
    const { invocation, terminal, perform } = this.#call;
    const own = ownInvocation(words, this.#target, invocation);
    const signal = this.#running?.signal ?? terminal.signal;
    const err = (text: string) =>
      // A line that is rewritten in place.
      text.startsWith("\r")
        ? terminal.err(text)
        : this.#print(text.trimEnd(), undefined);
    const answer = await this.#follower.without(() =>
      perform(own, { signal, err })
    );
    if (answer === undefined) return;
    const { settled = [], warnings = [] } = answer;
    for (const one of [...settled, ...warnings]) {
      err(`warning: ${remarkText(one)}`);
    }
    const text = answer.text.map(printable).join("\n");
    this.#print(text, answerDocument(answer), answer.isVerbatim);
  }

  /** Ctrl-C: ends the wait of a command, or discards the line. */
  #interrupt() {
    if (this.#running === undefined) this.#editor?.clear();
    else this.#running.abort();
  }

  #see(seen: EventOrGap): Promise<"go-on" | "stop"> {
    // The typed command itself needed the monitor: nothing to report.
    const own = seen.kind === "gap" && seen.gap.reason === "ourselves";
    if (own) return Promise.resolve("go-on");
    const entries = this.#entriesFor(seen);
    const document = documentOf(seen, entries, this.#target.label);
    this.#print(textOf(seen, entries), document);
    return Promise.resolve("go-on");
  }

  #print(text: string, document: Document | undefined, isVerbatim = false) {
    if (this.#isJson && document === undefined) return;
    const line = this.#isJson && document
      ? documentLine(document, isVerbatim)
      : isVerbatim
      ? text
      : maskSecrets(text);
    if (this.#editor?.isTerminal) this.#editor.print(line);
    else this.#put(line);
  }

  /** Never waits; if its reader has gone, the other output is useless, too. */
  #put(line: string) {
    this.#written = this.#written.then(async () => {
      if (this.#lost !== undefined) return;
      if (await this.#write(line + "\n") === "gone") this.#stop();
    }).catch((error) => {
      this.#lost ??= named(error);
      this.#stop();
    });
  }

  async #complete(line: string): Promise<[string[], string]> {
    const schema = this.#schema;
    const words = line.trimStart().split(/\s+/);
    const last = words.at(-1) ?? "";
    // A person who types ahead must not wait for the earlier command.
    const isBusy = this.#running !== undefined;
    if (schema === undefined || isBusy) return [[], last];
    const found = await completeLine(words, {
      schema,
      target: this.#target,
      onSession: (work) => this.#follower.do(work),
    });
    return [found, last];
  }
}

/** Serves one person, or lines on stdin, until their end. */
export async function shell(call: Call): Promise<undefined> {
  await new Shell(call).run();
}
