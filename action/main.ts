import "./output/unread-output.ts";
import { assign } from "./assign.ts";
import { endProcess } from "./job/interruption.ts";

await assign();
endProcess();
