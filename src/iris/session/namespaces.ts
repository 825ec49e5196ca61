import { validNamespace } from "../names.ts";
import type { SessionTask } from "./object-script.ts";
import { readSteps, type SessionPlace } from "./session-failure.ts";
import { sqlWords } from "./sql.ts";
import { ScriptBuilder } from "./transcript.ts";

/** Creates a namespace and its database, unless it exists. */
export function createNamespaceTask(namespace: string, container?: string): SessionTask<void> {
  const name = validNamespace(namespace);
  const exists = `##class(%SYS.Namespace).Exists("${name}")`;
  return namespaceTask(
    `if '${exists} { ${execute("CREATE", name)} if (ipResult.%SQLCODE<0)&&'${exists} { ${FAULT} } }`,
    {
      part: `to create namespace ${name}`,
      remedy: "choose another name, or remove what IRIS names",
      place: { namespace: "%SYS", container },
    },
  );
}

/** Deletes a namespace and its database with everything in it. */
export function dropNamespaceTask(namespace: string, container?: string): SessionTask<void> {
  const name = validNamespace(namespace);
  return namespaceTask(`${execute("DROP", name)} if ipResult.%SQLCODE<0 { ${FAULT} }`, {
    part: `to drop namespace ${name}`,
    remedy: "end what uses the namespace, or check its name",
    place: { namespace: "%SYS", container },
  });
}

const FAULT = 'set ipFault="SQLCODE: "_ipResult.%SQLCODE_" Message: "_ipResult.%Message';

function execute(verb: "CREATE" | "DROP", name: string): string {
  return `set ipResult=##class(%SQL.Statement).%ExecDirect(,"${verb} DATABASE ${name}")`;
}

type NamespaceWork = { readonly part: string; readonly remedy: string; readonly place: SessionPlace };

function namespaceTask(code: string, { part, remedy, place }: NamespaceWork): SessionTask<void> {
  const builder = new ScriptBuilder();
  builder.step(code);
  const read = (output: string) => {
    readSteps(builder.word, output, place, (_, words) => ({ part, remedy, ...sqlWords(words) }));
  };
  return { script: builder.toString(), read };
}
