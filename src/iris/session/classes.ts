import { validNamespace } from "../names.ts";
import { objectScriptString } from "../objectscript.ts";
import { enterNamespace, type SessionTask } from "./object-script.ts";
import { readSteps, type SessionPlace } from "./session-failure.ts";
import { base64, ScriptBuilder } from "./transcript.ts";
import { decodeBase64 } from "./wide-text.ts";

/** The files that hold classes and routines, by how their names end. */
export const SOURCE_FILE = /\.(cls|mac|inc|int|xml)$/i;

/** A file of source code: its path in the container, and its name on this machine. */
export type SourceFile = { readonly path: string; readonly shown: string };

/**
 * Loads classes and routines from files in the container, and then compiles all of them at once, so that their order
 * does not matter. The result is what was compiled, such as `Shop.Order.CLS`.
 */
export function importTask(files: readonly SourceFile[], place: SessionPlace): SessionTask<string[]> {
  const namespace = validNamespace(place.namespace);
  const builder = new ScriptBuilder();
  builder.step(enterNamespace(namespace));
  builder.step("kill ipItems");
  const partOf = new Map(files.map(({ path, shown }) => [builder.step(load(path)), shown]));
  const compiling = builder.step(COMPILE);
  const listing = builder.step(LIST);
  const read = (output: string) => {
    const steps = readSteps(builder.word, output, { ...place, namespace }, ({ step, output: written }, words) => {
      const part = partOf.get(step) ?? (step === compiling ? "to compile" : "the import");
      const errors = errorsOf(written);
      return { part, words, remedy: "correct what the errors name", errors: errors.length > 0 ? errors : [words] };
    });
    const listed = steps.find(({ step }) => step === listing)?.output ?? "";
    return listed.split(/\s+/).filter(Boolean).map(decodeBase64);
  };
  return { script: builder.toString(), read };
}

const ERROR_MARK = "ip-error:";
const WRITE_ERRORS = `for ipLine=1:1:$get(ipErrors) { write !,"${ERROR_MARK}",${base64("ipErrors(ipLine)")},! }`;
const FAULT = "if 'ipStatus { set ipFault=$system.Status.GetErrorText(ipStatus) }";

/** The files are in UTF-8. */
function load(path: string): string {
  const file = objectScriptString(path);
  return `kill ipErrors,ipLoaded set ipStatus=$system.OBJ.Load(${file},"-d",.ipErrors,.ipLoaded,0,,,"UTF8") merge ipItems=ipLoaded ${WRITE_ERRORS} ${FAULT}`;
}

const COMPILE = `kill ipErrors set ipStatus=$system.OBJ.CompileList(.ipItems,"ck-d",.ipErrors) ${WRITE_ERRORS} ${FAULT}`;
const LIST = `set ipItem=$order(ipItems("")) while ipItem'="" { write ${base64("ipItem")},! set ipItem=$order(ipItems(ipItem)) }`;

function errorsOf(output: string): string[] {
  const lines = output.split("\n").filter((line) => line.startsWith(ERROR_MARK));
  return lines.map((line) => decodeBase64(line.slice(ERROR_MARK.length)).trim());
}
