// A labeling front end: one pair after another, by keys or buttons; answers and the pair survive a reload.
//
// Open it as /#gateway=http://127.0.0.1:8600&token=TOKEN&run=RUN

import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { connect, persist } from "./api";
import { Hold, nextLease } from "./hold";
import { RunState, SubmitPreferenceRequestSchema, type SubmitPreferenceRequest } from "./gen/somersault/v1/labeler_pb";
import { Preference, type Lease } from "./gen/somersault/v1/preference_pb";

const PREFERENCES: Record<string, Preference> = {
  ArrowLeft: Preference.LEFT,
  ArrowRight: Preference.RIGHT,
  ArrowDown: Preference.EQUAL,
  ArrowUp: Preference.INCOMPARABLE,
};
const WAITING = "unacknowledged answer"; // in localStorage: the answer that the labeler has not confirmed

const settings = new URLSearchParams(location.hash.slice(1));
const labeler = connect(settings.get("gateway") ?? location.origin, settings.get("token") ?? "");
const place = (id: string) => document.getElementById(id)!;
const say = (text: string) => (place("status").textContent = text);
const again = <T>(call: () => Promise<T>) => persist(call, (trouble) => say(`Trying again: ${trouble}`));

let last: { answerId: string; version: number } | undefined;
let guidelinesVersion = 0;
let numAnswered = 0;
let press: (key: string) => void = () => {};

/** Return the next allowed key. */
function nextKey(allowed: string[]): Promise<string> {
  return new Promise((resolve) => {
    press = (key) => allowed.includes(key) && resolve(key);
  });
}

/** Play both clips together from the start, and return when they started. */
async function show(lease: Lease): Promise<number> {
  say("Loading…");
  const { queryId, runId, question } = lease.query!;
  if (lease.query!.guidelinesVersion > guidelinesVersion) {
    const version = lease.query!.guidelinesVersion;
    const found = await again(() => labeler.getGuidelines({ runId, version }));
    place("guidelines").textContent = found.text; // as text: guidelines must not be trusted as HTML
    guidelinesVersion = version;
  }
  const videos = await Promise.all(
    [Preference.LEFT, Preference.RIGHT].map(async (side) => {
      const { clip } = await again(() => labeler.getClip({ queryId, side }));
      const video = place(side === Preference.LEFT ? "left" : "right") as HTMLVideoElement;
      URL.revokeObjectURL(video.src);
      video.src = URL.createObjectURL(new Blob([new Uint8Array(clip)], { type: "video/mp4" }));
      await new Promise((ready) => video.addEventListener("canplaythrough", ready, { once: true }));
      return video;
    }),
  );
  await Promise.all(videos.map((video) => video.play()));
  place("question").textContent = question;
  say(`Your turn. ${numAnswered} answered.`);
  return performance.now();
}

/** Send an answer until it is acknowledged. Its id is the same each time, so it counts once. */
async function send(request: SubmitPreferenceRequest): Promise<void> {
  say("Saving…"); // "answered" only once it is
  localStorage.setItem(WAITING, toJsonString(SubmitPreferenceRequestSchema, request));
  try {
    await again(() => labeler.submitPreference(request));
    last = { answerId: request.answerId, version: 1 };
    numAnswered += 1;
  } catch (refusal) {
    alert(`The labeler refused an answer: ${String(refusal)}`); // never lost in silence
  }
  localStorage.removeItem(WAITING);
}

/** Change the last answer to the next key's. */
async function changeLast(): Promise<void> {
  if (!last) return;
  say("What should the last answer be instead?");
  const preference = PREFERENCES[await nextKey(Object.keys(PREFERENCES))]!;
  const { answerId, version } = { ...last, version: last.version + 1 };
  await again(() => labeler.revisePreference({ answerId, version, preference }));
  last = { answerId, version };
  say(`Changed. ${numAnswered} answered.`);
}

/** Show one pair and take its answer. */
async function judge(lease: Lease): Promise<void> {
  const hold = new Hold(labeler, lease);
  const shown = await show(lease).catch((error: unknown) => {
    if (ConnectError.from(error).code !== Code.DataLoss) throw error;
    return null; // a damaged clip, which can't be judged
  });
  let key = shown === null ? "s" : "z";
  while (shown !== null && (key = await nextKey([...Object.keys(PREFERENCES), "s", "z"])) === "z") await changeLast();
  if (!hold.isLive) {
    say("Too late: another labeler may have this pair by now.");
  } else if (shown === null || key === "s") {
    say("Skipped.");
    await again(() => labeler.releaseQuery({ leaseToken: lease.leaseToken }));
  } else {
    await send(
      create(SubmitPreferenceRequestSchema, {
        leaseToken: lease.leaseToken,
        answerId: crypto.randomUUID(),
        preference: PREFERENCES[key]!,
        responseMs: BigInt(Math.max(1, Math.round(performance.now() - shown))),
      }),
    );
  }
  hold.drop();
}

async function label(): Promise<void> {
  const waiting = localStorage.getItem(WAITING);
  if (waiting) await send(fromJsonString(SubmitPreferenceRequestSchema, waiting));
  for (;;) {
    const lease = await again(() => nextLease(labeler, settings.get("run") ?? ""));
    if (typeof lease === "object") {
      await judge(lease);
    } else if (lease === RunState.FINISHED) {
      return thank();
    } else {
      say(`Nothing to judge yet. ${numAnswered} answered.`);
      // The labeler replies at once for a paused run, so wait here.
      if (lease === RunState.PAUSED) await new Promise((resume) => setTimeout(resume, 5000));
    }
  }
}

/** Show the run's result and stop. */
async function thank(): Promise<void> {
  const { numOwn, result } = await again(() => labeler.getStats({ runId: settings.get("run") ?? "" }));
  say(`The run is finished. You gave ${numOwn} answers: thank you! ${result?.headline ?? ""}`);
}

document.addEventListener("keydown", (event) => {
  if (!event.repeat) press(event.key);
});
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-key]")) {
  button.addEventListener("click", () => press(button.dataset.key!));
}
label().catch((error: unknown) => say(`Stopped: ${String(error)}`));
