import "./output/unread-output.ts";
import { assign } from "./assign.ts";
import { endProcess } from "./job/interruption.ts";
import { isSupervised } from "./job/supervisor.ts";
import { release } from "./release.ts";

// Not awaited: with a top-level `await`, ncc would keep all modules apart, and the bundle would load more slowly.
void (isSupervised() ? release() : assign()).then(endProcess);
