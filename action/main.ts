import { assign } from "./assign.ts";
import { endProcess } from "./interruption.ts";

await assign();
endProcess();
