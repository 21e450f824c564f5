/**
 * The document of `state show`.
 *
 * @module
 */

import { deviceSchema, type KindView } from "../plan/view_schema.ts";
import {
  list,
  object,
  orNull,
  text,
  truth,
  verbatim,
} from "../words/json_schema.ts";
import { REMARK } from "../words/remark_schema.ts";

/** The recorded data of a disk, whatever QEMU has. */
const RECORDED_DISK = {
  dev_type: orNull(text("Ganeti's type of the disk; null if it has none.")),
  link: orNull(text("The link that Ganeti made; null if there is none.")),
  uri: orNull(text("The URI; null if there is none.")),
  mode: orNull(text("Ganeti's access mode, rw or ro; null if it has none.")),
};

/** The result of a comparison with QEMU. */
export const VERIFICATION = object(
  "The result of the comparison with QEMU and the node.",
  {
    ok: truth("Whether nothing differs."),
    differences: list("The differences.", REMARK),
  },
);

/** The runtime file, and its meaning. */
export function stateMembers(kinds: readonly KindView[]) {
  const of = (list: "disk" | "nic") =>
    kinds.filter(({ word }) => word === list);
  return {
    instance: text("The whole name of the instance."),
    path: text("The path of the file."),
    version: text(
      "The first release of Ganeti that writes files in this form.",
    ),
    current: truth("Whether the file already has the current form."),
    raw: verbatim("The file as it is.", "array"),
    understood: object("The content of the file, in the current form.", {
      kvm_cmd: list(
        "The command line that QEMU was started with.",
        text("A word."),
      ),
      nics: list(
        "The recorded NICs.",
        deviceSchema(of("nic"), {
          description: "A device",
          more: {},
        }),
      ),
      hvparams: verbatim("The hypervisor parameters.", "object"),
      disks: list(
        "The recorded disks.",
        deviceSchema(of("disk"), {
          prefix: "recorded_",
          description: "A recorded device, as the file has it",
          more: RECORDED_DISK,
        }),
      ),
    }),
  };
}

/** Only with --verify. */
export const VERIFIED = { verify: VERIFICATION };
