/**
 * An instance whose VM does not run, on real files.
 *
 * @module
 */

import { beginJournal, journalProgress } from "../../lib/engine/journal.ts";
import { World } from "../../lib/engine/world.ts";
import { planStateUpgrade } from "../../lib/operation/upgrade.ts";
import { expectRuntime } from "../../lib/plan/facts.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import { present, sample, sampleNames } from "./facts.ts";
import { unless } from "./left_out.ts";
import { kindOf, STEPS } from "./steps.ts";

/** Whoever changes an instance must be root. */
const NOT_ROOT = Deno.uid() === 0 ? undefined : "not root";

/** A runtime file that the next change brings to today's form. */
export const OLD: string = sample(
  present(sampleNames().find((one) => /^02-2/.test(one))),
);

const TIMES = { timeoutMs: 500, unplugTimeoutMs: 500, lockTimeoutMs: 500 };

/** An instance's files below a run directory of its own. */
export class DownNode implements Disposable {
  readonly paths: InstancePaths;

  constructor() {
    const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-repair-" });
    this.paths = instancePaths(runDir, "vm1");
    Deno.mkdirSync(`${runDir}/kvm-hypervisor/conf`, { recursive: true });
    Deno.mkdirSync(this.own, { mode: 0o700 });
    Deno.writeTextFileSync(this.paths.runtime, OLD);
  }

  get own(): string {
    return `${this.paths.runDir}/kvm-hotplug`;
  }

  /** A file that an interrupted change can leave. */
  leave(): string {
    const path = `${this.paths.runtime}abcdefgh.new`;
    Deno.writeTextFileSync(path, "");
    return path;
  }

  /** Each file with its size: nothing was changed while this is the same. */
  files(): string[] {
    const all: string[] = [];
    const walk = (folder: string) => {
      for (const { name, isDirectory } of Deno.readDirSync(folder)) {
        const path = `${folder}/${name}`;
        if (isDirectory) walk(path);
        else if (!name.endsWith(".lock")) {
          all.push(`${path} ${Deno.lstatSync(path).size}`);
        }
      }
    };
    walk(this.paths.runDir);
    return all.sort();
  }

  /** How its files are reached. */
  options<M extends "apply" | "dry-run">(mode: M) {
    return { ...TIMES, runDir: this.paths.runDir, mode };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.paths.runDir, { recursive: true });
  }
}

/** A test of such an instance; only root can change one. */
export function testDown(name: string, fn: (node: DownNode) => Promise<void>) {
  Deno.test({
    ...unless(NOT_ROOT, name),
    async fn() {
      using node = new DownNode();
      await fn(node);
    },
  });
}

/**
 * Upgrades the runtime file, and is killed once so many steps are done.
 *
 * @param request its fingerprint
 */
export async function killedUpgrade(
  node: DownNode,
  done: number,
  request = "",
): Promise<void> {
  const { paths } = node;
  const plan = planStateUpgrade(paths, expectRuntime(paths));
  using world = new World(undefined, {
    ...{ ...TIMES, qmpPath: paths.qmp, steps: STEPS },
  });
  const about = { plan, command: "state upgrade", request };
  using journal = beginJournal(paths, {
    ...about,
    qemu: undefined,
    steps: STEPS,
  });
  const progress = journalProgress(journal, { plan, world });
  for (const [index, step] of plan.steps.slice(0, done).entries()) {
    const kind = kindOf(step);
    progress.doing?.(step, index, kind);
    await kind.do(step, world);
  }
}
