/**
 * The `state show` command.
 *
 * @module
 */

import { showState, type StateView } from "../inspect/state_show.ts";
import type { Difference } from "../plan/difference.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { Answer, Call } from "./answer.ts";
import { detailsOf, titleOf } from "./report.ts";
import { instanceOf, optionsOf } from "./requests.ts";
import { JsonText } from "../words/json_text.ts";
import { table } from "../words/text.ts";

/** What a comparison came to, as the document has it. Pure. */
export function verifyDocument(
  all: readonly Difference[],
): { ok: boolean; differences: { what: string; hint: string }[] } {
  const differences = all.map(({ what, hint }) => ({ what, hint }));
  return { ok: differences.length === 0, differences };
}

function document(view: StateView) {
  const { kvmCmd, hvparams, nics, disks } = view.understood;
  return {
    ok: true,
    instance: view.instance,
    path: view.path,
    version: view.version,
    current: view.current,
    raw: new JsonText(view.raw),
    understood: {
      kvm_cmd: kvmCmd,
      nics,
      hvparams: new JsonText(hvparams),
      disks,
    },
    ...(view.differences === undefined
      ? {}
      : { verify: verifyDocument(view.differences) }),
  };
}

function placeOf({ bus, slot, scsi_id }: DeviceView): string {
  if (bus === null) return "-";
  return `${bus} ${slot ?? scsi_id ?? "-"}`;
}

function verifyText(differences: readonly Difference[] | undefined): string[] {
  if (differences === undefined) return [];
  if (differences.length === 0) {
    return ["", "QEMU and the file describe the same machine"];
  }
  return [
    "",
    "QEMU and the file differ:",
    ...differences.flatMap(({ what, hint }) => [`- ${what}`, `  ${hint}`]),
  ];
}

function text(view: StateView): string[] {
  const { understood: { nics, disks }, current, version } = view;
  const form = current
    ? `of Ganeti ${version}`
    : `of Ganeti ${version}; the next change, or state upgrade, brings it to today's form`;
  const devices = [...disks, ...nics];
  const rows = devices.map((one) => [
    titleOf(one),
    one.id ?? "-",
    one.driver ?? "-",
    placeOf(one),
    detailsOf(one),
  ]);
  return [
    `${view.path}: ${form}`,
    ...(rows.length === 0
      ? ["no disks, no NICs"]
      : table([["DEVICE", "ID", "DRIVER", "PLACE", ""], ...rows])),
    "",
    "as it is:",
    ...view.raw.split("\n"),
    ...verifyText(view.differences),
  ];
}

/** The runtime file, and how it compares with QEMU. */
export async function stateShow(call: Call): Promise<Answer> {
  const { invocation } = call;
  using options = optionsOf(call);
  const view = await showState(instanceOf(invocation) ?? "", {
    ...options,
    verify: invocation.flags.has("verify") ? "against-qemu" : "no",
  });
  const differ = (view.differences?.length ?? 0) > 0;
  return {
    text: text(view),
    document: document(view),
    status: differ ? 3 : 0,
  };
}
