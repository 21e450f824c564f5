/**
 * Properties of a device that go to `device_add`, that `hvinfo` records for
 * each start (SPEC 13), and that QEMU can be asked for: what a table of them
 * says, and what follows from it. A property is one row of a kind's table. Pure.
 *
 * @module
 */

import { exactNumber } from "../qmp/exact_json.ts";
import type { Json } from "../qmp/message.ts";
import { member } from "../state/json.ts";
import { objectOf } from "../state/entry_object.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { Properties } from "./hvinfo.ts";

/** What the value of a property can be. */
export type PropertyForm =
  /** A whole number, both bounds included. */
  | { readonly is: "number"; readonly min: number; readonly max: number }
  /** A power of two. */
  | { readonly is: "power"; readonly min: number; readonly max: number }
  | { readonly is: "word"; readonly words: readonly string[] }
  /** The id of another object of QEMU's. */
  | { readonly is: "id" }
  /** Printable ASCII without blanks, commas and quotes. */
  | { readonly is: "text"; readonly max: number }
  /** 64 bits: `0x` and 16 digits. */
  | { readonly is: "wwn" };

/** One property: a row of a kind's table. */
export interface DeviceProperty {
  /** The option's name; documents spell it with `_`. */
  readonly option: string;
  /** Metavariable of the option. */
  readonly shown: string;
  /** QEMU's name of the property, and its key of `hvinfo`. */
  readonly key: string;
  /** The drivers that have it. */
  readonly drivers: readonly string[];
  readonly form: PropertyForm;
  /** What QEMU tells where the property was not given; undefined: it varies. */
  readonly blank?: string | number;
  /** For the usage text. */
  readonly help: string;
  /** For the usage text. @default "QEMU's choice" */
  readonly fallback?: string;
  /** For the JSON Schema: a sentence. */
  readonly told: string;
}

/** Values of properties, by the names of their options. */
export type PropertyValues = Readonly<
  Record<string, string | number | undefined>
>;

/** An option's name as documents spell it. */
export type Member<O extends string> = O extends `${infer A}-${infer B}`
  ? `${A}_${Member<B>}`
  : O;

/** An option's name as documents spell it. */
export function memberOf<O extends string>(option: O): Member<O> {
  return option.replaceAll("-", "_") as Member<O>;
}

/** What documents tell of the properties of a table. */
export type PropertyView<T extends readonly DeviceProperty[]> = {
  readonly [K in Member<T[number]["option"]>]: string | number | null;
};

/** Rows with a given option. */
function given(
  table: readonly DeviceProperty[],
  values: PropertyValues,
): [DeviceProperty, string | number][] {
  return table.flatMap((row) => {
    const { [row.option]: value } = values;
    return value === undefined ? [] : [[row, value] as const];
  }) as [DeviceProperty, string | number][];
}

/** As QEMU takes it: since 8.0 arguments are typed. */
function argument({ form }: DeviceProperty, value: string | number) {
  return form.is === "wwn" ? exactNumber(BigInt(value).toString()) : value;
}

/** The arguments of `device_add` that give a device these properties. */
export function propertyArguments(
  table: readonly DeviceProperty[],
  values: PropertyValues,
): Json {
  return Object.fromEntries(
    given(table, values).map(([row, value]) => [row.key, argument(row, value)]),
  );
}

/** What `hvinfo` has of these properties. */
export function recordedProperties(
  table: readonly DeviceProperty[],
  values: PropertyValues,
): Properties {
  return Object.fromEntries(
    given(table, values).map(([row, value]) => [row.key, value]),
  );
}

/**
 * A value as the option takes it: a WWN as its digits, of a link to an object
 * the object's id.
 *
 * @returns null: none was given (of a size nothing tells); undefined: the value
 * is unknown
 */
export function propertyValue(
  { form, blank }: DeviceProperty,
  value: string | number | undefined,
): string | number | null | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  const isSize = form.is === "power";
  if (text === String(blank) && !isSize) return null;
  if (form.is === "wwn") return isWwn(text) ? wwnText(BigInt(text)) : undefined;
  if (form.is === "id") return text.split("/").at(-1) || null;
  const isNumber = form.is === "number" || isSize;
  return isNumber && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function isWwn(text: string): boolean {
  return /^(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text);
}

/** All values that QEMU tells: {@linkcode propertyValue}, by option. */
export function propertiesThere(
  table: readonly DeviceProperty[],
  told: Readonly<Record<string, string | number | undefined>>,
): Record<string, string | number | null | undefined> {
  return Object.fromEntries(
    table.map((row) => [row.option, propertyValue(row, told[row.option])]),
  );
}

/** A WWN in its one form. */
export function wwnText(number: bigint): string {
  return `0x${number.toString(16).padStart(16, "0")}`;
}

/** What an entry records of the properties of a table; null: nothing. */
export function propertiesIn(
  table: readonly DeviceProperty[],
  { node }: Pick<DeviceEntry, "node">,
): Record<string, string | number | null> {
  const object = objectOf(node);
  const hvinfo = object && member(object, "hvinfo");
  return Object.fromEntries(table.map((row) => {
    const value = hvinfo && member(hvinfo, row.key);
    const isPlain = value?.type === "string" || value?.type === "number";
    const told = isPlain ? propertyValue(row, value.value) : null;
    return [row.option, told ?? null];
  }));
}

/** The same by the names that documents have. */
export function propertyView<const T extends readonly DeviceProperty[]>(
  table: T,
  values: Readonly<Record<string, string | number | null | undefined>>,
): PropertyView<T> {
  return Object.fromEntries(
    table.map(({ option }) => [memberOf(option), values[option] ?? null]),
  ) as PropertyView<T>;
}

/** The same where nothing is known. */
export function blankProperties<const T extends readonly DeviceProperty[]>(
  table: T,
): { readonly [K in keyof PropertyView<T>]: null } {
  return propertyView(table, {}) as ReturnType<typeof blankProperties<T>>;
}

/** Whether a text can stand in `hvinfo`, from where Ganeti writes it as it is. */
export function isPropertyText(text: string, max: number): boolean {
  return text.length <= max && /^[\x21-\x7e]+$/.test(text) &&
    !/[,"'=\\]/.test(text);
}
