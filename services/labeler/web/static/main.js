// Starts the page: logs in with the token in the address, then labels.

import { logIn, readSession } from "./api.js";
import { Backoff } from "./backoff.js";
import { listen } from "./keys.js";
import { Labeling } from "./labeling.js";
import * as view from "./view.js";

/** Gives the token after # and takes it out of the address bar and the history. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Gives the session, or null if a person has to log in; waits while the labeler is away. */
async function findSession(token) {
  const backoff = new Backoff();
  for (;;) {
    try {
      return token ? await logIn(token) : await readSession();
    } catch (error) {
      view.showPart("login");
      view.showLoginProblem(token && !error.isUnreachable ? "This token is not known." : error.message);
      if (!error.isUnreachable) return null;
      await backoff.wait();
    }
  }
}

async function start(token) {
  const session = await findSession(token);
  if (!session) return view.showPart("login");
  const labeling = await Labeling.open(session);
  // Before the first pair is shown, so that no key pressed for it is lost.
  listen((action, time) => labeling.act(action, time));
  addEventListener("pointermove", () => labeling.see(), { passive: true });
  await labeling.start();
}

document.getElementById("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await logIn(document.getElementById("token").value.trim());
    location.reload();
  } catch (error) {
    view.showLoginProblem(error.isUnreachable ? error.message : "This token is not known.");
  }
});

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) location.reload();
});

start(takeToken());
