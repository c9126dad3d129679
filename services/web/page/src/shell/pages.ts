// The pages and their paths. Each is loaded on demand.

import type { ComponentType } from "preact";

import type { Session, SessionKind } from "../connect/session";

export interface PageModule {
  /** The page itself. It is mounted once there is a session. */
  Page: ComponentType<{ session: Session }>;
  /** What it adds to the bar at the top. */
  Bar?: ComponentType<{ session: Session }>;
}

export interface PageEntry {
  path: string;
  /** Its name in the navigation. */
  name: string;
  /** The kinds of session that may open it, the preferred one first. */
  kinds: readonly SessionKind[];
  /** The login form's title. */
  loginTitle: string;
  /** Where its token comes from. */
  loginHint: string;
  load: () => Promise<PageModule>;
}

const LABELING: PageEntry = {
  path: "/",
  name: "Label",
  kinds: ["labeler"],
  loginTitle: "Log in to label",
  loginHint: "Open the address that `somersault train` printed or the run’s owner sent you, or paste your token here.",
  load: () => import("../labeling/labeling_page"),
};

export const PAGES: readonly PageEntry[] = [
  LABELING,
  {
    path: "/run",
    name: "Run",
    kinds: ["owner"],
    loginTitle: "Log in to see the run",
    loginHint: "Open the owner’s address that `somersault train` printed, or paste an owner’s token here.",
    load: () => import("../run/run_page"),
  },
  {
    path: "/runs",
    name: "Runs",
    kinds: ["owner"],
    loginTitle: "Log in to see the runs",
    loginHint: "Open the owner’s address that `somersault train` or `somersault runs` printed, or paste an owner’s token here.",
    load: () => import("../runs/runs_page"),
  },
  {
    path: "/owner",
    name: "Owner",
    kinds: ["owner"],
    loginTitle: "Log in as an owner",
    loginHint: "Open the owner’s address that `somersault train` printed, or paste an owner’s token here.",
    load: () => import("../owner/owner_page"),
  },
];

/** Return the page that the address names. */
export function currentPage(): PageEntry {
  return PAGES.find(({ path }) => path === location.pathname) ?? LABELING;
}
