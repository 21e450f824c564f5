/**
 * What the twentieth disk costs against the second: as whole processes, on a
 * machine whose bus is nearly full.
 *
 * @module
 */

import { type Setting, timeProcess } from "./rounds.ts";

/** Milliseconds of `disk add`, one for each round. */
export interface Crowd {
  readonly second: readonly number[];
  readonly twentieth: readonly number[];
}

const IMAGE_BYTES = 8 * 1024 * 1024;
/** As many as pc has slots for: SPEC 4.1. */
const MOST = 20;

function uuidOf(number: number): string {
  return `be0c00${String(number).padStart(2, "0")}-2222-4222-8222-000000000000`;
}

async function add(
  { vm, programs }: Setting,
  number: number,
): Promise<number> {
  const image = `${vm.runDir}/crowd-${number}.img`;
  await Deno.writeTextFile(image, "bench");
  await Deno.truncate(image, IMAGE_BYTES);
  const words = ["disk", "add", vm.name, image, "--uuid", uuidOf(number)];
  const time = timeProcess(programs.tool, [...words, "--run-dir", vm.runDir]);
  await vm.waitGuest(`test $(ls /dev/vd? | wc -l) = ${number}`);
  return time;
}

/** Adds the disk of this number again and again; the last one stays. */
async function times(
  setting: Setting,
  number: number,
  count: number,
): Promise<number[]> {
  const { vm, programs } = setting;
  const where = ["--run-dir", vm.runDir];
  const words = ["disk", "remove", vm.name, uuidOf(number), ...where];
  const all: number[] = [];
  for (let round = 0; round < count; round++) {
    if (round > 0) timeProcess(programs.tool, words);
    all.push(await add(setting, number));
  }
  return all;
}

/** Fills the bus; nothing may be on it, and all stays. */
export async function measureCrowd(
  setting: Setting,
  count: number,
): Promise<Crowd> {
  await add(setting, 1);
  const second = await times(setting, 2, count);
  for (let number = 3; number < MOST; number++) await add(setting, number);
  return { second, twentieth: await times(setting, MOST, count) };
}
