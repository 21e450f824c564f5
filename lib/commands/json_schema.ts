/**
 * The schemas of all documents as one JSON Schema.
 *
 * @module
 */

import type { Json } from "../qmp/message.ts";
import { VERSION } from "../version.ts";
import type { AnySchema } from "../words/json_schema.ts";
import { dotted } from "../words/options.ts";
import { COMMANDS } from "./commands.ts";
import { documents } from "./documents.ts";
import { SCHEMA } from "./document.ts";

/** The definitions to which a schema and its parts refer. */
function definitions(schemas: readonly AnySchema[]): Json {
  return Object.fromEntries(schemas.flatMap(({ named }) => [...named]));
}

/** The schemas of all documents, and of the answers of each command. */
export async function jsonSchema() {
  const { answers, failure } = await documents();
  const all = [...Object.values(answers), failure];
  const commands = COMMANDS.map((command) => [dotted(command), {
    description: command.summary,
    anyOf: [answers[command.document].json, failure.json],
  }]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `urn:kvm-hotplug:documents:${SCHEMA}`,
    title: `Documents of kvm-hotplug ${VERSION}`,
    description:
      "All documents of kvm-hotplug. $defs has one schema for each command, for example disk.add. Later releases may add members. A member that does not apply is null.",
    anyOf: all.map(({ json }) => json),
    $defs: { ...definitions(all), ...Object.fromEntries(commands) } as Json,
  };
}
