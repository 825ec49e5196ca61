import "./output/unread-output.ts";
import { endProcess } from "./job/interruption.ts";
import { isSupervised, supervise } from "./job/supervisor.ts";
import { POST_TIMEOUT_MS, release } from "./release.ts";

if (isSupervised()) {
  await release();
  endProcess();
} else {
  await supervise(POST_TIMEOUT_MS);
}
