/**
 * QEMU's own description of its monitor: the reply of `query-qmp-schema`, in
 * the form of docs/devel/qapi-code-gen.rst, "Client JSON Protocol
 * introspection". A peer may answer anything: values that do not fit are left
 * out.
 *
 * @module
 */

import type { Json } from "./message.ts";
import { list, text } from "./reading.ts";

/** A member of an object type. */
export type SchemaMember = Readonly<ReturnType<typeof readMember>>;

function readMember(member: Json) {
  return {
    name: text(member.name),
    /** Name of its type. */
    type: text(member.type),
    optional: "default" in member,
  };
}

/** Releases before 6.2 list an enum's values, later ones its members too. */
function enumValues(entry: Json): string[] {
  const members = list(entry.members).map((one) => text(one.name));
  if (members.length > 0) return members;
  return Array.isArray(entry.values) ? entry.values.map(text) : [];
}

/** A type by the kind of its values; undefined for an unknown kind. */
function readType(entry: Json) {
  switch (entry["meta-type"]) {
    case "builtin":
      return { kind: "builtin", json: text(entry["json-type"]) } as const;
    case "enum":
      return { kind: "enum", values: enumValues(entry) } as const;
    case "array":
      return { kind: "array", element: text(entry["element-type"]) } as const;
    case "alternate": {
      const types = list(entry.members).map((one) => text(one.type));
      return { kind: "alternate", types } as const;
    }
    case "object":
      return {
        kind: "object",
        members: list(entry.members).map(readMember),
        /** Name of the member that chooses a variant. */
        tag: typeof entry.tag === "string" ? entry.tag : undefined,
        /** Type with further members, by the tag's value. */
        variants: new Map(
          list(entry.variants).map((one) => [text(one.case), text(one.type)]),
        ),
      } as const;
  }
  return undefined;
}

/** The commands, events and types of one QEMU. */
export class Schema {
  readonly #entries: ReadonlyMap<string, Json>;

  /** Takes the `return` value of `query-qmp-schema`. */
  constructor(reply: unknown) {
    this.#entries = new Map(
      list(reply).map((entry) => [text(entry.name), entry]),
    );
  }

  #names(kind: "command" | "event"): string[] {
    return [...this.#entries.values()]
      .filter((entry) => entry["meta-type"] === kind)
      .map((entry) => text(entry.name)).sort();
  }

  /** Names of all commands, sorted. */
  get commands(): string[] {
    return this.#names("command");
  }

  /** Names of all events, sorted. */
  get events(): string[] {
    return this.#names("event");
  }

  #typeOf(command: string, which: "arg-type" | "ret-type") {
    const entry = this.#entries.get(command);
    const isCommand = entry?.["meta-type"] === "command";
    return isCommand ? text(entry[which]) : undefined;
  }

  /** Name of the type of a command's arguments; undefined: no such command. */
  argumentsOf(command: string): string | undefined {
    return this.#typeOf(command, "arg-type");
  }

  /**
   * Name of the type of a command's return value; undefined: no such command.
   */
  returnOf(command: string): string | undefined {
    return this.#typeOf(command, "ret-type");
  }

  /**
   * Whether a command takes more arguments than the schema lists: device_add.
   */
  isOpen(command: string): boolean {
    return command === "device_add";
  }

  /** The same schema with more members in a command's arguments. */
  extended(command: string, more: readonly SchemaMember[]): Schema {
    const type = this.argumentsOf(command) ?? "";
    const entry = this.#entries.get(type) ?? {};
    const known = list(entry.members);
    const names = new Set(known.map(({ name }) => name));
    const added = more.filter(({ name }) => !names.has(name)).map((one) => ({
      name: one.name,
      type: one.type,
      ...(one.optional ? { default: null } : {}),
    }));
    const wider = { ...entry, name: type, members: [...known, ...added] };
    return new Schema([
      ...[...this.#entries.values()].filter(({ name }) => name !== type),
      wider,
    ]);
  }

  /** A type by its name; undefined if the schema has none of that name. */
  type(name: string) {
    const entry = this.#entries.get(name);
    return entry === undefined ? undefined : readType(entry);
  }

  /**
   * All members that an object of a type may have: its own and, once the tag is
   * known, the members of its variant; else the members of all variants.
   */
  membersOf(name: string, value: Json = {}): SchemaMember[] {
    const type = this.type(name);
    if (type?.kind !== "object") return [];
    const { members, tag, variants } = type;
    const chosen = tag === undefined ? undefined : value[tag];
    const variant = typeof chosen === "string"
      ? variants.get(chosen)
      : undefined;
    const more = variant === undefined
      ? [...new Set(variants.values())]
      : [variant];
    const seen = new Map(members.map((one) => [one.name, one]));
    for (const of of more) {
      for (const one of this.membersOf(of, value)) {
        if (!seen.has(one.name)) seen.set(one.name, one);
      }
    }
    return [...seen.values()];
  }
}
