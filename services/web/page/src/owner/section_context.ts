// What each section of the owner page is given.

import type { Run } from "../connect/messages";
import type { Session } from "../connect/session";
import type { Loaded } from "../shell/loading";

export interface SectionContext {
  session: Session;
  run: Run;
  runs: Loaded<Run[]>;
}
