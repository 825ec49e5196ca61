import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import {
  API,
  type Checker,
  type Project,
  SymbolFlags,
  type Symbol as TypeScriptSymbol,
} from "typescript/unstable/sync";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Something that a user of the package sees. */
export type PublicSymbol = {
  /** In full, such as `PortRegistry.assignPort`. */
  readonly name: string;
  /** What its TSDoc says, tags included; empty if there is none. */
  readonly text: string;
  /** The TypeScript in its `@example` tags. */
  readonly examples: readonly string[];
};

/** What src/index.ts exports, and those members that are declared in this repository. */
export function publicApi(): readonly PublicSymbol[] {
  const compiler = new API({ cwd: ROOT });
  try {
    const [project] = compiler.updateSnapshot({ openProjects: [join(ROOT, "tsconfig.json")] }).getProjects();
    if (project === undefined) throw new Error("tsconfig.json was not found");
    const { checker, program } = project;
    const index = program.getSourceFile(join(ROOT, "src", "index.ts"));
    const module = index && checker.getSymbolAtLocation(index);
    if (module === undefined) throw new Error("src/index.ts was not found");
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const members = membersOf(symbol, checker).filter((member) => isPublic(member, project));
      return [
        described(exported.name, symbol, checker),
        ...members.map((member) => described(`${exported.name}.${member.name}`, member, checker)),
      ];
    });
  } finally {
    compiler.close();
  }
}

/** Those of a class, or of the object that a type describes; what a class inherits is described where it is declared. */
function membersOf(symbol: TypeScriptSymbol, checker: Checker): readonly TypeScriptSymbol[] {
  if (symbol.flags & SymbolFlags.Class) return [...symbol.getMembers().values(), ...symbol.getExports().values()];
  const isType = symbol.flags & (SymbolFlags.TypeAlias | SymbolFlags.Interface);
  return isType ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)) : [];
}

/** Declared in src/, neither private nor protected, and no override, which has the description of what it overrides. */
function isPublic({ declarations, flags, name }: TypeScriptSymbol, project: Project): boolean {
  if (flags & SymbolFlags.TypeParameter || name.includes("#") || name === "prototype") return false;
  return declarations.some((declaration) => {
    const node = declaration.resolve(project);
    const file = node?.getSourceFile();
    if (node === undefined || !file?.fileName.startsWith(`${ROOT.replaceAll(sep, "/")}src/`)) return false;
    return !/^(?:private|protected|override)\b/.test(file.text.slice(node.getStart(), node.end));
  });
}

function described(name: string, symbol: TypeScriptSymbol, checker: Checker): PublicSymbol {
  const tags = checker.getJsDocTagsOfSymbol(symbol).map((tag) => ({ name: tag.name, text: tag.text ?? "" }));
  const examples = tags.filter((tag) => tag.name === "example").map(({ text }) => text);
  return {
    name,
    text: [checker.getDocumentationCommentOfSymbol(symbol), ...tags.map((tag) => tag.text)].join("\n").trim(),
    examples: examples.map((text) => /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? text),
  };
}
