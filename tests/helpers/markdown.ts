import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A page of the documentation, by its path in the repository. */
export class MarkdownPage {
  readonly path: string;
  readonly text: string;

  constructor(path: string) {
    this.path = path;
    this.text = fs.readFileSync(join(ROOT, path), "utf8").replaceAll("\r\n", "\n");
  }

  /** Every page of the repository but the changelog. */
  static all(): readonly MarkdownPage[] {
    const paths = fs.globSync(["*.md", ".github/**/*.md", "docs/**/*.md", "examples/**/*.md", "tests/**/*.md"], {
      cwd: ROOT,
      exclude: ["**/node_modules/**", "CHANGELOG.md"],
    });
    return paths.sort().map((path) => new MarkdownPage(path.replaceAll("\\", "/")));
  }

  /** The blocks of code in a language, with the line they begin in. */
  code(...languages: readonly string[]): readonly { readonly line: number; readonly code: string }[] {
    return [...this.text.matchAll(/^ *```(\w+)\n([\s\S]*?)^ *```$/gm)]
      .filter(([, language]) => languages.includes(language as string))
      .map(({ 2: code, index }) => ({ line: this.text.slice(0, index).split("\n").length + 1, code: code as string }));
  }

  /** What stands under a heading, up to the next one of its level or above. */
  section(heading: string): string {
    const lines = this.text.split("\n");
    const isHeading = (line: string) => /^#+ /.test(line);
    const start = lines.findIndex((line) => isHeading(line) && line.replace(/^#+ /, "") === heading);
    if (start < 0) throw new Error(`${this.path} has no heading "${heading}"`);
    const level = (lines[start] as string).indexOf(" ");
    const length = lines.slice(start + 1).findIndex((line) => isHeading(line) && line.indexOf(" ") <= level);
    return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
  }

  /** The rows of all tables under a heading, without their headings. */
  rows(heading: string): readonly (readonly string[])[] {
    const lines = this.section(heading).split("\n");
    const isRule = (line: string | undefined) => /^\|[ :|-]+\|$/.test(line ?? "");
    return lines
      .filter((line, index) => line.startsWith("|") && !isRule(line) && !isRule(lines[index + 1]))
      .map((line) =>
        line
          .slice(1, line.trimEnd().length - 1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );
  }

  /** What a link may point to within the page, as GitHub names it. */
  anchors(): ReadonlySet<string> {
    const headings = [...withoutCode(this.text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string);
    return new Set(
      headings.map((heading) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
          .replaceAll(" ", "-"),
      ),
    );
  }

  /** Where its links point to; those to the web left out. */
  localLinks(): readonly string[] {
    return [...withoutCode(this.text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target as string)
      .filter((target) => !/^[a-z]+:/.test(target));
  }
}

/** The words in code in a cell or sentence: `withPort(port)` gives `withPort(port)`. */
export function codeWords(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string);
}

function withoutCode(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
}
