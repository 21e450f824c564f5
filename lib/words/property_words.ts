/**
 * The options, and the members of documents, that a table of properties makes.
 *
 * @module
 */

import {
  type DeviceProperty,
  isPropertyText,
  memberOf,
  type PropertyValues,
  type PropertyView,
  wwnText,
} from "../device/properties.ts";
import { orNull, type Schema, text, whole, word } from "./json_schema.ts";
import {
  amountOption,
  type Invocation,
  type OptionSpec,
  spec,
} from "./options.ts";
import { option } from "./request_words.ts";
import * as check from "./values.ts";

/** The option of a property. */
function optionOf(row: DeviceProperty): OptionSpec {
  const { shown, help, form, fallback = "QEMU's choice" } = row;
  switch (form.is) {
    case "number":
    case "power": {
      const { min, max } = form;
      const amount = { unit: "number", min, max } as const;
      return amountOption(amount, shown, help, fallback);
    }
    case "word": {
      const choices = form.words;
      return { ...spec(shown, help, fallback), choices };
    }
    default:
      return spec(shown, help, fallback);
  }
}

/** The options of all properties of a table, in its order. */
export function propertyOptions(
  table: readonly DeviceProperty[],
): OptionSpec[] {
  return table.map(optionOf);
}

function readerOf({ form }: DeviceProperty): check.Reader<string | number> {
  switch (form.is) {
    case "number":
      return check.wholeNumber(form);
    case "power":
      return check.powerOfTwo(form);
    case "word":
      return check.oneOf(form.words);
    case "id":
      return check.qemuId;
    case "wwn":
      return (word) => wwnText(check.wwn(word));
    case "text":
      return check.textThat(
        (one) => isPropertyText(one, form.max),
        `1 to ${form.max} printable ASCII characters without blanks, commas, quotes, = and \\`,
      );
    default:
      return form satisfies never;
  }
}

/** The properties of a table that were given. @throws {HotplugError} `usage` */
export function propertiesOf(
  invocation: Invocation,
  table: readonly DeviceProperty[],
): PropertyValues {
  return Object.fromEntries(table.flatMap((row) => {
    const value = option(invocation, row.option, readerOf(row));
    return value === undefined ? [] : [[row.option, value]];
  }));
}

function schemaOf({ form, told }: DeviceProperty) {
  switch (form.is) {
    case "number":
    case "power":
      return orNull(whole(told, form));
    case "word":
      return orNull(word(form.words, told));
    default:
      return orNull(text(told));
  }
}

/** The members that documents have for the properties of a table. */
export function propertyMembers<const T extends readonly DeviceProperty[]>(
  table: T,
): { readonly [K in keyof PropertyView<T>]: Schema<string | number | null> } {
  return Object.fromEntries(
    table.map((row) => [memberOf(row.option), schemaOf(row)]),
  ) as ReturnType<typeof propertyMembers<T>>;
}
