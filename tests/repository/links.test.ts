import fs from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MarkdownPage } from "../helpers/markdown.ts";

const ROOT = new URL("../../", import.meta.url);

test.each(MarkdownPage.all().map((page) => [page.path, page] as const))(
  "every link of %s leads somewhere",
  (_, page) => {
    const broken = page.localLinks().filter((link) => {
      const [file = "", anchor] = link.split("#");
      const path = file === "" ? page.path : posix.join(dirname(page.path), file);
      if (!fs.existsSync(fileURLToPath(new URL(path, ROOT)))) return true;
      return anchor !== undefined && path.endsWith(".md") && !new MarkdownPage(path).anchors().has(anchor);
    });
    expect(broken).toEqual([]);
  },
);
