import { expect, test } from "vitest";
import { withBench } from "../../scripts/speed-docs.ts";

const RESULTS = {
  at: "2026-11-23T05:06:07.123Z",
  machine: { cpu: "A processor", cores: 2, node: "v24.21.0", platform: "linux" },
  results: [
    {
      title: "One process",
      rows: [
        { name: "assign + release", value: 1.234, unit: "ms", reach: "<= 1.9" },
        { name: "beside 1000", value: 2.5, unit: "ms", ratio: { to: "10 entries", factor: 1.5 } },
        { name: "cycles", value: 1_234.5, unit: "cycles/s" },
        { name: "errors", value: 0, unit: "count" },
      ],
    },
  ],
} as const;

const PAGE = "# Name\n\n<!-- bench:start -->\n<!-- bench:end -->\n\n## Contributing\n";

test("the figures of a run become the tables of the page", () => {
  expect(withBench(PAGE, RESULTS)).toMatchInlineSnapshot(`
    "# Name

    <!-- bench:start -->

    Measured side by side in one run of \`npm run bench\` (2026-11-23; A processor, 2 cores, linux, Node 24.21.0).
    Absolute figures depend on the machine; the system calls at the top are the floor that they stand on.

    | One process |  |  | aim |
    |---|---:|---:|---:|
    | assign + release | 1.23 ms |  | ≤ 1.9 |
    | beside 1000 | 2.50 ms | 1.50 × 10 entries |  |
    | cycles | 1,235 cycles/s |  |  |
    | errors | 0 |  |  |

    <!-- bench:end -->

    ## Contributing
    "
  `);
});

test("the figures of a later run take the place of the earlier ones", () => {
  const once = withBench(PAGE, RESULTS);
  expect(withBench(once, RESULTS)).toBe(once);
});

test("a page without the markers is refused", () => {
  expect(() => withBench("# Name\n", RESULTS)).toThrow("<!-- bench:start -->");
});
