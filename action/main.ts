import "./output/unread-output.ts";
import { assign } from "./assign.ts";
import { endProcess } from "./job/interruption.ts";
import { isSupervised } from "./job/supervisor.ts";
import { release } from "./release.ts";

await (isSupervised() ? release() : assign());
endProcess();
