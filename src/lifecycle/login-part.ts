import { DEFAULT_IRIS_PASSWORD, DEFAULT_IRIS_USERNAME } from "../iris/image.ts";
import type { Part } from "./fingerprint.ts";

/** The login of an IRIS as a part of its configuration, noted equally by the library and the action. */
export function loginPart(username: string, password: string): Part {
  // User names of IRIS are not case-sensitive.
  const name = username.toLowerCase();
  const isDefault = name === DEFAULT_IRIS_USERNAME.toLowerCase() && password === DEFAULT_IRIS_PASSWORD;
  return { name: `login as ${name}`, displayName: `login (user ${name})`, value: password, isDefault };
}
