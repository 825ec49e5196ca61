/** Why a text is not a registry document. */
export class DocumentError extends Error {}

/** The text is a registry document of a newer schema. */
export class NewerSchemaError extends Error {
  readonly schemaVersion: string;

  constructor(schemaVersion: string) {
    super(`schema_version is ${schemaVersion}`);
    this.schemaVersion = schemaVersion;
  }
}
