/**
 * What the twentieth disk costs against the second: as whole processes, on a
 * machine whose bus is nearly full, and what of it is QEMU's own.
 *
 * @module
 */

import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { type Batch, readDialogue } from "./dialogue.ts";
import { timeProcess } from "./calls.ts";
import type { Setting } from "./setting.ts";

/** Milliseconds of `disk add`, one for each round. */
export interface Times {
  readonly tool: readonly number[];
  /** The same commands, sent by the minimal client. */
  readonly qemu: readonly number[];
}

/** Of both disks. */
export interface Crowd {
  readonly second: Times;
  readonly twentieth: Times;
}

const IMAGE_BYTES = 8 * 1024 * 1024;
/** As many as pc has slots for: SPEC 4.1. */
const MOST = 20;

function uuidOf(number: number): string {
  return `be0c00${String(number).padStart(2, "0")}-2222-4222-8222-000000000000`;
}

async function imageOf({ vm }: Setting, number: number): Promise<string> {
  const image = `${vm.runDir}/crowd-${number}.img`;
  await Deno.writeTextFile(image, "bench");
  await Deno.truncate(image, IMAGE_BYTES);
  return image;
}

/** Waits until the guest has so many disks. */
async function settle({ vm }: Setting, count: number): Promise<void> {
  await vm.waitGuest(`test $(ls /dev/vd? 2>/dev/null | wc -l) = ${count}`);
}

/** Adds or removes a disk of a number; the words are the tool's. */
async function change(
  setting: Setting,
  { action, number, more = [] }: {
    action: "add" | "remove";
    number: number;
    more?: readonly string[];
  },
): Promise<number> {
  const { vm, programs } = setting;
  const what = action === "add"
    ? [await imageOf(setting, number), "--uuid", uuidOf(number)]
    : [uuidOf(number)];
  const words = ["disk", action, vm.name, ...what, "--run-dir", vm.runDir];
  const time = timeProcess(programs.tool, [...words, ...more]);
  await settle(setting, action === "add" ? number : number - 1);
  return time;
}

/** What the tool says to QEMU about a disk of a number. */
async function dialogueOf(
  setting: Setting,
  action: "add" | "remove",
  number: number,
): Promise<Batch[]> {
  const log = `${setting.vm.runDir}/crowd-${action}-${number}.log`;
  await change(setting, { action, number, more: ["--log", log] });
  return readDialogue(await Deno.readTextFile(log));
}

/** A machine, the number of its next disk, and how that is plugged. */
interface Place {
  readonly setting: Setting;
  readonly number: number;
  readonly add: readonly Batch[];
  readonly remove: readonly Batch[];
  readonly tool: number[];
  readonly qemu: number[];
}

/** Plugs as many disks as come before the one that is measured. */
async function fill(setting: Setting, number: number): Promise<Place> {
  for (let before = 1; before < number; before++) {
    await change(setting, { action: "add", number: before });
  }
  const add = await dialogueOf(setting, "add", number);
  const remove = await dialogueOf(setting, "remove", number);
  return { setting, number, add, remove, tool: [], qemu: [] };
}

async function round({ setting, number, ...place }: Place): Promise<void> {
  using fd = openFile(await imageOf(setting, number), O.RDWR);
  place.qemu.push(await setting.client.time(place.add, fd));
  await settle(setting, number);
  await setting.client.time(place.remove);
  await settle(setting, number - 1);
  place.tool.push(await change(setting, { action: "add", number }));
  await change(setting, { action: "remove", number });
}

/**
 * Adds the second disk to one machine and the twentieth to another, in turns,
 * so that whatever slows this one down slows both down. Nothing may be on
 * their buses.
 */
export async function measureCrowd(
  few: Setting,
  many: Setting,
  count: number,
): Promise<Crowd> {
  const [second, twentieth] = [await fill(few, 2), await fill(many, MOST)];
  for (let index = 0; index < count; index++) {
    await round(second);
    await round(twentieth);
  }
  return { second, twentieth };
}
