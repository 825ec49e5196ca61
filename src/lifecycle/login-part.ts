import { DEFAULT_IRIS_PASSWORD, DEFAULT_IRIS_USERNAME } from "../iris/image.ts";
import type { Part } from "./fingerprint.ts";

/** The login of an IRIS as a part of its configuration: the library and the action must note it alike. */
export function loginPart(username: string, password: string): Part {
  // IRIS does not tell users by case.
  const name = username.toLowerCase();
  const isDefault = name === DEFAULT_IRIS_USERNAME.toLowerCase() && password === DEFAULT_IRIS_PASSWORD;
  return { name: `login as ${name}`, value: password, isDefault };
}
