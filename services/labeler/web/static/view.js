// Puts words and numbers into the page, always as text, never as markup.

export const WORDS = {
  left: "left is better",
  right: "right is better",
  equal: "equal",
  incomparable: "can’t compare",
};

const PRESSED_MS = 160;

const find = (id) => document.getElementById(id);

/** Shows one of the page's two parts. */
export function showPart(name) {
  if (!find(name).hidden) return;
  for (const part of ["login", "labeling"]) find(part).hidden = part !== name;
  find("counts").hidden = name !== "labeling";
  if (name === "login") find("token").focus();
}

export function showLoginProblem(sentence) {
  find("login-problem").textContent = sentence;
}

export function showRun(runId) {
  find("run").textContent = runId;
  document.title = runId ? `${runId} · Somersault` : "Somersault";
}

export function showQuestion(question) {
  find("question").textContent = question || "Which is better?";
}

/** Shows either the pair or the reason why there is none. */
export function showPair(isThere) {
  find("pair").hidden = !isThere;
  find("empty").hidden = isThere;
}

export function showEmpty({ title, reason }) {
  find("empty-title").textContent = title;
  find("empty-reason").textContent = reason;
}

/** Shows a run's counts as GetStats gives them; JSON leaves zeros out. */
export function showStats(stats) {
  for (const [id, field] of [
    ["num-rendering", "numRendering"],
    ["num-leased", "numLeased"],
    ["num-answered", "numAnswered"],
  ]) {
    find(id).textContent = String(Number(stats[field] ?? 0));
  }
}

/** Shows the labeler's own count and rate, and the run's count beside them. */
export function showCounts({ numOwn, numRun, perMinute }) {
  find("own-count").textContent = String(numOwn);
  find("run-count").textContent = String(numRun);
  find("own-rate").textContent = perMinute === null ? "–" : String(Math.round(perMinute));
}

/** Says whether the server has every answer. */
export function showSaving({ numWaiting, numRefused, isUnreachable }) {
  const waiting = numWaiting ? `waiting to be saved (${numWaiting})` : "saved";
  find("saving-text").textContent = numRefused ? `${waiting} · ${numRefused} refused` : waiting;
  const calm = numRefused ? "refused" : "saved";
  find("saving").dataset.state = numWaiting ? (isUnreachable ? "away" : "waiting") : calm;
  find("saving").hidden = false;
}

/** Marks the answer that is being changed; null for none. */
export function showRevising(preference) {
  find("revising").hidden = preference === null;
  if (preference) find("revising-text").textContent = `You answered: ${WORDS[preference]}. Answer again to change it.`;
  for (const name of Object.keys(WORDS)) {
    const button = buttonOf(name);
    if (preference === null) button.removeAttribute("aria-pressed");
    else button.setAttribute("aria-pressed", String(name === preference));
  }
}

export function enable({ canAnswer, canUndo, canSkip }) {
  for (const name of [...Object.keys(WORDS), "replay"]) buttonOf(name).disabled = !canAnswer;
  buttonOf("undo").disabled = !canUndo;
  buttonOf("skip").disabled = !canSkip;
}

/** Lets a button look pressed for a moment when its key was. */
export function flash(name) {
  const button = buttonOf(name);
  button.classList.add("pressed");
  setTimeout(() => button.classList.remove("pressed"), PRESSED_MS);
}

export function showSpeed(speed) {
  find("speed").textContent = `${speed}×`;
}

/** Writes below the buttons. */
export function note(sentence) {
  find("note").textContent = sentence;
}

/** Tells those who hear the page rather than see it. */
export function announce(sentence) {
  find("live").textContent = sentence;
}

export function openHelp() {
  find("help").showModal();
}

function buttonOf(action) {
  return document.querySelector(`[data-action="${action}"]`);
}
