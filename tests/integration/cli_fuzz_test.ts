/**
 * Changes in a hostile world: QEMU answers with numbers of 64 bits anywhere, an
 * image changes while it is added, another writes the runtime file. A change is
 * made, or nothing is; it never fails in itself.
 */
import { assert, assertEquals } from "@std/assert";
import {
  Instance,
  NAME,
  NEW,
  type Ran,
  TAP,
} from "../lab/scripted_instance.ts";
import { type Moment, SecondWriter } from "../lab/second_writer.ts";
import { fuzzEach, type Random } from "../support/prng.ts";
import { qcow2Header } from "../support/qcow2_image.ts";
import { withDisk, withNic } from "./kill_requests.ts";

const QUESTIONS = [
  ...["query-pci", "query-status", "query-block", "query-fdsets", "qom-list"],
  ...["query-named-block-nodes", "query-commands", "qom-get", "query-name"],
  ...["human-monitor-command", "query-migrate"],
];

/** Beyond what a number of JavaScript's holds. */
const HUGE = ["9007199254740993", "-9223372036854775808", "1e400"];

const MARK = "the leaf";

/** A value's text with one leaf in `n` made another. */
function withLeaf(
  random: Random,
  value: unknown,
  { leaf, n }: { leaf: string; n: number },
): string {
  const isLeaf = (one: unknown) => typeof one !== "object" || one === null;
  const marked = JSON.stringify(
    value,
    (_, one) => isLeaf(one) && random.once(n) ? MARK : one,
  );
  return marked.replaceAll(JSON.stringify(MARK), leaf);
}

/** One of its answers has such numbers in it. */
function answerHuge(vm: Instance, random: Random): void {
  const question = random.pick(QUESTIONS);
  if (random.once(3)) vm.peer.once(question, {});
  const how = { leaf: random.pick(HUGE), n: random.pick([1, 2, 8]) };
  vm.peer.once(question, ({ command, args, id }) => {
    const answer = withLeaf(random, modelAnswer(vm, command, args), how);
    return { raw: `{"return":${answer},"id":${JSON.stringify(id)}}\r\n` };
  });
}

function modelAnswer(
  { peer: { model } }: Instance,
  command: string,
  args: Record<string, unknown>,
): unknown {
  try {
    return model.carryOut(command, args);
  } catch {
    return "";
  }
}

type Change = readonly [
  prepare: (vm: Instance) => Promise<void>,
  words: (vm: Instance) => string[],
  has: "new" | "none",
];

const nothing = () => Promise.resolve();

const CHANGES: readonly Change[] = [
  [
    nothing,
    (vm) => ["disk", "add", NAME, vm.image(), "--uuid", NEW],
    "new",
  ],
  [withDisk, () => ["disk", "remove", NAME, NEW], "none"],
  [
    nothing,
    () => ["nic", "add", NAME, "--mode", "none", "--tap", TAP, "--uuid", NEW],
    "new",
  ],
  [withNic, () => ["nic", "remove", NAME, NEW], "none"],
];

const SHORT = ["--timeout", "1", "--unplug-timeout", "0.2"];

function stateOf({ text, peer }: Instance) {
  return { text, qemu: peer.model.contents() };
}

function assertNoFault(
  { status, json, out }: Ran,
  expected: readonly number[],
): void {
  assert(expected.includes(status), out);
  const code = (json.error as { code?: string } | undefined)?.code;
  assert(code !== "internal", out);
}

Deno.test("numbers of 64 bits in QEMU's answers change nothing by halves", () =>
  fuzzEach(30, async (random) => {
    await using vm = new Instance();
    const [prepare, words] = random.pick(CHANGES);
    await prepare(vm);
    const before = stateOf(vm);
    answerHuge(vm, random);
    const isQuestion = random.once(3);
    const asked = isQuestion ? ["list", NAME] : words(vm);
    const ran = await vm.cli(...asked, ...SHORT);
    assertNoFault(ran, [0, 3, 4, 5, 6, 7]);
    const isKept = isQuestion || (ran.status > 0 && ran.status < 6);
    if (isKept) assertEquals(stateOf(vm), before, ran.out);
  }));

Deno.test("an image whose header changes while it is added is added or refused", () =>
  fuzzEach(15, async (random) => {
    await using vm = new Instance();
    const image = vm.image("disk.img", 65_536);
    Deno.writeFileSync(image, qcow2Header({}));
    const before = stateOf(vm);
    const command = random.pick([...QUESTIONS, "add-fd", "blockdev-add"]);
    vm.peer.once(command, {
      meanwhile: () => {
        using file = Deno.openSync(image, { write: true });
        file.seekSync(random.below(120), Deno.SeekMode.Start);
        file.writeSync(random.bytes(16));
      },
    });
    const words = ["disk", "add", NAME, image, "--format", "qcow2"];
    const ran = await vm.cli(...words, "--not-migratable", ...SHORT);
    assertNoFault(ran, [0, 3, 5]);
    if (ran.status !== 0) assertEquals(stateOf(vm), before, ran.out);
  }));

Deno.test("a second writer loses nothing of what either wrote", () =>
  fuzzEach(10, async (random) => {
    await using vm = new Instance();
    const [prepare, words, has] = random.pick(CHANGES);
    await prepare(vm);
    const times = 1 + random.below(12);
    const moment = random.pick<Moment>(["writing", "replacing"]);
    const asked = words(vm);
    using other = new SecondWriter(vm.runtimePath, times, moment);
    const ran = await vm.cli(...asked, ...SHORT);
    assertEquals(ran.status, 0, ran.out);
    const [command] = vm.runtime;
    assertEquals(command.slice(-other.words.length), other.words);
    assertEquals(vm.text.includes(NEW), has === "new");
    const names = [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name);
    assertEquals(names, [`${NAME}.runtime`]);
  }));
