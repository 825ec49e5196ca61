import "./output/unread-output.ts";
import { dirname, join } from "node:path";
import { supervise } from "./job/supervisor.ts";

const TIMEOUT_MS = 58_000;

// The work is in main's bundle; this process only waits for it, and must load quickly.
void supervise(join(dirname(process.argv[1] as string), "..", "main", "index.js"), TIMEOUT_MS);
