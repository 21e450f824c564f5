/**
 * The documents of all commands as data: JSON Schema (2020-12). The room that
 * makes a document describes its members, and the types come from there.
 *
 * @module
 */

import { ACTION, PLAN } from "../engine/view_schema.ts";
import type { ToldDevice } from "../errors.ts";
import { CHECK_MEMBERS } from "../inspect/check_schema.ts";
import { instanceMembers, NODE_MEMBERS } from "../inspect/list_schema.ts";
import { PCI_MEMBERS } from "../inspect/pci_schema.ts";
import { stateMembers, VERIFIED } from "../inspect/state_schema.ts";
import { loadKindViews } from "../kinds.ts";
import { deviceSchema, type KindView, REPAIRED } from "../plan/view_schema.ts";
import {
  always,
  type AnySchema,
  anything,
  either,
  foreign,
  list,
  type Members,
  named,
  type None,
  object,
  orNull,
  type Schema,
  seconds,
  text,
  time,
  type Told,
  truth,
  whole,
} from "../words/json_schema.ts";
import type { DocumentName } from "../words/options.ts";
import {
  failureMembers,
  NAME_MEMBERS,
  NAMED_DEVICE,
  REMAINING,
  REMARK,
  SETTLED,
} from "../words/remark_schema.ts";
import { SCHEMA } from "./document.ts";

const INSTANCE = {
  instance: text("The instance, or the path of the socket that was given."),
};
const OK = { ok: always(true, "It was carried out.") };

/** The members of every line. */
const LINE = {
  schema: always(SCHEMA, "Changes when a member changes its meaning."),
  instance: orNull(
    text("The instance of the document; null if there is none."),
  ),
};

/** A document, with the members that ./document.ts adds. */
function document<M extends Members, O extends Members = None>(
  description: string,
  members: M,
  optional?: O,
) {
  const warnings = list("Warnings for a person.", REMARK);
  return object(
    description,
    { ...LINE, ...OK, ...members, warnings },
    optional,
  );
}

const GANETI = {
  ganeti: list(
    "The answer that noded would give; only for Ganeti's own methods in rpc.",
    anything("Whether it succeeds, then its payload or the reason."),
  ),
};

const REACHED = whole(
  "The amount that the instance has now, in the unit of the command's operand: a number, or bytes; only for a set that is a row of operations.",
);

/** The answer of a change. */
export function changeSchema(kinds: readonly KindView[]) {
  const device = deviceSchema(kinds, { description: "A device", more: {} });
  return document("The result of a change.", {
    ...INSTANCE,
    action: ACTION,
    dry_run: truth("Whether it was only planned."),
    changed: truth("Whether this call changed something."),
    device: orNull(device),
    settled: SETTLED,
    plan: PLAN,
  }, {
    adopted: list("The devices that are recorded now; only for adopt.", device),
    remaining: list(
      "The devices that were not recorded; only for adopt.",
      REMAINING,
    ),
    reached: REACHED,
    operations: list(
      "The operations, in their order; only for a set that is a row of them.",
      object("An operation.", {
        action: ACTION,
        changed: truth("Whether it changed something."),
        device: orNull(device),
        plan: PLAN,
      }),
    ),
    ...GANETI,
  });
}

/** The reason of a failure. */
export function failureSchema<D extends ToldDevice>(device: Schema<D>) {
  const failed = { ...LINE, ...failureMembers(device) };
  return object("Why a command failed.", failed, {
    came: always(false, "The event did not occur; only for event-timeout."),
    reached: REACHED,
    operations: list(
      "The operations before the one that failed; only for a row of them.",
      object("An operation.", {
        action: text("The kind of change."),
        changed: truth("Whether it changed something."),
        device: orNull(NAMED_DEVICE),
      }),
    ),
    ...GANETI,
  });
}

/** The answer of `repair`. */
export const REPAIR = document("The result of repair.", {
  ...INSTANCE,
  repaired: list(
    "The repaired differences, in the order of the repairs.",
    REPAIRED,
  ),
  remaining: list("The differences that remain.", REMAINING),
  pending: list(
    "Removals that wait for the guest; they are not differences.",
    REMARK,
  ),
  changed: truth("Whether this call changed something."),
  dry_run: truth("Whether it was only planned."),
  plan: PLAN,
});

/** The answer of `qmp`. */
export const QMP = document("The answer of QEMU to a QMP command.", {
  ...INSTANCE,
  command: text("The name of the command."),
  return: anything("What QEMU returned."),
});

/** The answer of `state command`. */
export const STATE_COMMAND = document("How an identical QEMU is started.", {
  ...INSTANCE,
  command: list("The words of the command line.", text("A word.")),
});

const EVENT = object("An event of QEMU.", {
  ...LINE,
  time: time("When QEMU sent it."),
  event: text("Its name, for example DEVICE_DELETED."),
  data: foreign("Its data, as QEMU has them."),
  relayed: truth(
    "Whether another kvm-hotplug received it and handed it on.",
  ),
  device: orNull(object("The recorded device that it is about.", {
    ...NAME_MEMBERS,
    name: orNull(text("Its name; null if it has none.")),
  })),
});

const GAP = object("A period when another process had the monitor.", {
  ...LINE,
  gap: object("The period when another process had the monitor.", {
    from: time("Its beginning."),
    to: time("Its end."),
    seconds: seconds("Its length in seconds."),
    reason: text("The command line of the process that needed the monitor."),
    relayed: whole("Number of events in the gap that kvm-hotplug relayed."),
    lost: whole(
      "Number of events in the gap that were not relayed: too many.",
    ),
  }),
});

/** A line of `events`. */
export const SEEN = either(
  "An event of a VM, or a period without events.",
  EVENT,
  GAP,
);

const ENDED = object("The last line: the VM has ended.", {
  ...LINE,
  ended: always(true, "The VM has ended."),
});

/** The answer of `help`. */
export const HELP = either(
  "A usage text, or the manual page.",
  document("A usage text.", { help: text("The text.") }),
  document("The manual page.", { roff: text("The page as roff.") }),
);

const METRICS_MEMBERS = {
  metrics: text("The metrics in the text format 0.0.4 of Prometheus."),
  output: orNull(
    text("The file that has them now; null if they were only printed."),
  ),
};

/** The answer of `metrics`. */
export const METRICS = document(
  "Metrics of the instances of a node.",
  METRICS_MEMBERS,
);

const COMPLETION = either(
  "A script, or words.",
  document("A script.", { script: text("The script for the shell.") }),
  document("Words.", {
    words: either(
      "The words that can follow; files: file names.",
      always("files", "Names of files."),
      list(
        "The words.",
        object("A word.", {
          word: text("To the letter; one that ends in = goes on."),
          note: text("One line of explanation; can be empty."),
        }),
      ),
    ),
  }),
);

/** The result of `rpc.discover`, which is not one of our documents. */
const OPEN_RPC = object("The OpenRPC document of rpc.discover.", {
  openrpc: text("The version of OpenRPC."),
  info: foreign("The description of rpc."),
  methods: list("The methods.", foreign("A method.")),
  components: foreign("The schemas by their names."),
});

const VERSION_DOCUMENT = document("The answer to --version.", {
  version: text("The release."),
});

const OPENRPC = { openrpc: foreign("The OpenRPC document of rpc.") };

const SCHEMA_DOCUMENT = either(
  "JSON Schema of all documents, or the OpenRPC document.",
  document("JSON Schema of all documents, with the members of a document.", {
    $schema: text("The dialect: 2020-12."),
    $id: text("The name of the schema."),
    title: text("Its title."),
    description: text("The description."),
    anyOf: list("The documents.", foreign("A reference.")),
    $defs: foreign("The schemas by their names."),
    ...OPENRPC,
  }),
  document("The answer to --openrpc.", OPENRPC),
);

/**
 * The reason of a failed JSON-RPC request: the code is -32000 minus the exit
 * status.
 */
function responseSchema(result: AnySchema, failure: AnySchema) {
  const frame = {
    jsonrpc: always("2.0", "The version of JSON-RPC."),
    id: anything("The id of the request; null if it could not be read."),
  };
  return either(
    "The answer to a request.",
    object("It was carried out.", { ...frame, result }),
    object("It failed.", {
      ...frame,
      error: object("Why.", {
        code: whole(
          "-32000 minus the exit status, or a code of JSON-RPC itself.",
          { min: -32768, max: -32000 },
        ),
        message: text("For people: one line."),
        data: failure,
      }),
    }),
  );
}

/** All documents by their names. */
export interface Documents {
  /** The answer of a command that does not fail. */
  readonly answers: Readonly<Record<DocumentName | "version", AnySchema>>;
  /** The other possible answer of every command. */
  readonly failure: AnySchema;
}

/** The documents of all commands. */
export async function documents(): Promise<Documents> {
  const kinds = await loadKindViews();
  const device = deviceSchema(kinds, { description: "A device", more: {} });
  const failed = { ...LINE, ...failureMembers(device) };
  const failure = named("failure_document", failureSchema(device));
  const own = {
    change: changeSchema(kinds),
    check: document(
      "Whether devices can be hotplugged.",
      CHECK_MEMBERS,
      GANETI,
    ),
    completion: COMPLETION,
    event: SEEN,
    help: HELP,
    list: either(
      "The devices of an instance, or the instances of a node.",
      document("The devices of an instance.", instanceMembers(kinds)),
      document("The instances of a node.", NODE_MEMBERS),
      object("The instances of a node; only root can see all of them.", {
        ...failed,
        ...NODE_MEMBERS,
        warnings: list("Warnings for a person.", REMARK),
      }),
    ),
    metrics: either(
      "The metrics of a node.",
      METRICS,
      object("The metrics, and why they are incomplete.", {
        ...failed,
        ...METRICS_MEMBERS,
        warnings: list("Warnings for a person.", REMARK),
      }),
    ),
    pci: document("The PCI buses of a VM.", PCI_MEMBERS),
    qmp: QMP,
    repair: REPAIR,
    schema: SCHEMA_DOCUMENT,
    state_command: STATE_COMMAND,
    state_show: document(
      "The runtime file of an instance.",
      stateMembers(kinds),
      VERIFIED,
    ),
    version: VERSION_DOCUMENT,
  };
  const plain = Object.fromEntries(
    Object.entries(own).map(([name, schema]) => [
      name,
      named(`${name}_document`, schema as AnySchema),
    ]),
  ) as Record<keyof typeof own, AnySchema>;
  const all = [...Object.values(plain), failure];
  return {
    answers: {
      ...plain,
      shell: named(
        "shell_document",
        either("A line of shell.", ENDED, ...all),
      ),
      response: named(
        "response_document",
        responseSchema(either("A document.", ...all, OPEN_RPC), failure),
      ),
    },
    failure,
  };
}

/** A document without the members that ./document.ts adds. */
type Bare<D> = D extends { readonly instance: unknown }
  ? Omit<D, "schema" | "warnings" | "instance"> & {
    readonly instance?: D["instance"];
  }
  : never;

/** The reason of a failure. */
export type FailureDocument = Bare<
  Told<ReturnType<typeof failureSchema<ToldDevice>>>
>;
/** The answer of a change. */
export type ChangeDocument = Bare<Told<ReturnType<typeof changeSchema>>>;
/** The answer of `repair`. */
export type RepairDocument = Bare<Told<typeof REPAIR>>;
/** The answer of `qmp`. */
export type QmpDocument = Bare<Told<typeof QMP>>;
/** The answer of `state command`. */
export type StateCommandDocument = Bare<Told<typeof STATE_COMMAND>>;
/** A line of `events`. */
export type SeenDocument = Bare<Told<typeof SEEN>>;
/** The answer of `help`. */
export type HelpDocument = Bare<Told<typeof HELP>>;
/** The answer of `metrics`. */
export type MetricsDocument = Bare<Told<typeof METRICS>>;
