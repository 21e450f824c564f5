/**
 * The measured calls, in rounds: in each one the minimal client, the tool and
 * the one-line program take their turns, so that whatever slows the machine
 * down slows all of them down.
 *
 * @module
 */

import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { type Call, settle, timeProcess, wordsOf } from "./calls.ts";
import { type Batch, readDialogue } from "./dialogue.ts";
import type { Setting } from "./setting.ts";

/** Milliseconds of one round. */
export interface Round {
  /** QEMU's own time; 0 if the call does not ask it. */
  readonly qemu: Readonly<Record<Call, number>>;
  readonly tool: Readonly<Record<Call, number>>;
  readonly oneLine: number;
}

/** Those that ask QEMU: a disk that is added is listed and removed. */
const ASKING = ["list", "disk add", "list INSTANCE", "disk remove"] as const;

/** What the tool says to QEMU in each call: the client says the same. */
export async function recordDialogues(
  setting: Setting,
): Promise<Record<Call, Batch[]>> {
  const all = new Map<Call, Batch[]>();
  for (const call of ASKING) {
    const log = `${setting.vm.runDir}/bench-${all.size}.log`;
    const words = [...wordsOf(call, setting), "--log", log];
    timeProcess(setting.programs.tool, words);
    await settle(setting.vm, call);
    all.set(call, readDialogue(await Deno.readTextFile(log)));
  }
  return {
    "--version": [],
    "list": all.get("list") ?? [],
    "list INSTANCE": all.get("list INSTANCE") ?? [],
    "disk add": all.get("disk add") ?? [],
    "disk remove": all.get("disk remove") ?? [],
  };
}

async function clientTurn(
  { vm, client, image }: Setting,
  dialogues: Readonly<Record<Call, Batch[]>>,
): Promise<Round["qemu"]> {
  const times = { "--version": 0 } as Record<Call, number>;
  for (const call of ASKING) {
    using fd = openFile(image, O.RDWR);
    times[call] = await client.time(dialogues[call], fd);
    await settle(vm, call);
  }
  return times;
}

async function toolTurn(setting: Setting): Promise<Round["tool"]> {
  const { vm, programs } = setting;
  const times = {} as Record<Call, number>;
  const order = ["--version", "list", "disk add", "list INSTANCE"] as const;
  for (const call of [...order, "disk remove"] as const) {
    times[call] = timeProcess(programs.tool, wordsOf(call, setting));
    await settle(vm, call);
  }
  return times;
}

/**
 * Runs the rounds; who comes first changes from round to round. One more comes
 * before them and is not counted: QEMU and the guest do things for the first
 * time.
 */
export async function runRounds(
  setting: Setting,
  count: number,
): Promise<Round[]> {
  const dialogues = await recordDialogues(setting);
  const rounds: Round[] = [];
  for (let index = 0; index <= count; index++) {
    const round: { -readonly [Key in keyof Round]?: Round[Key] } = {};
    const turns = [
      async () => round.qemu = await clientTurn(setting, dialogues),
      async () => round.tool = await toolTurn(setting),
      () => round.oneLine = timeProcess(setting.programs.oneLine, []),
    ];
    for (const shift of turns.keys()) {
      await turns[(index + shift) % turns.length]?.();
    }
    rounds.push(round as Round);
  }
  return rounds.slice(1);
}
