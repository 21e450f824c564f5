/**
 * The `state show` command.
 *
 * @module
 */

import {
  showState,
  type StateView,
  type Verification,
} from "../inspect/state_show.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { Answer, Call } from "./answer.ts";
import { detailsOf, titleOf } from "./report.ts";
import { instanceOf, optionsOf } from "./requests.ts";
import { table } from "../words/text.ts";

function placeOf({ bus, slot, scsi_id }: DeviceView): string {
  if (bus === null) return "-";
  return `${bus} ${slot ?? scsi_id ?? "-"}`;
}

function verifyText(verify: Verification | undefined): string[] {
  if (verify === undefined) return [];
  if (verify.ok) {
    return ["", "QEMU and the runtime file describe the same machine"];
  }
  return [
    "",
    "QEMU and the runtime file differ:",
    ...verify.differences.flatMap((
      { message, hint },
    ) => [`- ${message}`, `  ${hint}`]),
  ];
}

function text(view: StateView): string[] {
  const { understood: { nics, disks }, current, version } = view;
  const form = current
    ? `Ganeti ${version}`
    : `Ganeti ${version}; the next change, or state upgrade, converts it to the current form`;
  const devices = [...disks, ...nics];
  const rows = devices.map((one) => [
    titleOf(one),
    one.id ?? "-",
    one.driver ?? "-",
    placeOf(one),
    detailsOf({ ...one, driver: null }),
  ]);
  return [
    `${view.path}: ${form}`,
    ...(rows.length === 0
      ? ["no disks, no NICs"]
      : table([["DEVICE", "ID", "DRIVER", "PLACE", ""], ...rows])),
    "",
    "the file itself:",
    ...view.raw.text.split("\n"),
    ...verifyText(view.verify),
  ];
}

/** The runtime file, and its comparison with QEMU. */
export async function stateShow(call: Call): Promise<Answer> {
  const { invocation } = call;
  using options = optionsOf(call);
  const view = await showState(instanceOf(invocation) ?? "", {
    ...options,
    verify: invocation.flags.has("verify") ? "against-qemu" : "no",
  });
  return {
    text: text(view),
    document: { ok: true, ...view },
    // The file to the letter.
    isVerbatim: true,
    status: view.verify?.ok === false ? 3 : 0,
  };
}
