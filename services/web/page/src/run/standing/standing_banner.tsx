// The first thing on the page: where the run stands, and what to do about it.

import { num } from "../../connect/messages";
import type { Session } from "../../connect/session";
import { plural } from "../../shell/words";
import type { RunStats } from "../messages";
import { nothingLearned, type Standing } from "./standing";

interface BannerProps {
  standing: Standing;
  session: Session;
  stats: RunStats | null;
  labelBudget: number;
}

export function StandingBanner({ standing, session, stats, labelBudget }: BannerProps) {
  const { kind, words } = standing;
  const hasTeacher = num(stats?.numLastHourByTeachers) > 0;
  return (
    <div class="standing" data-kind={kind}>
      <p class="run-state" id="run-state" data-state={kind} role="status">
        <span class="dot" aria-hidden="true" />
        {words}
      </p>
      <p class="standing-more">{explanation(standing, stats, hasTeacher)}</p>
      <p class="standing-more" id="nothing-learned" role="alert">{kind === "finished" ? "" : nothingLearned(stats, labelBudget)}</p>
      {standing.numAwaited > 0 && kind === "awaiting" && !hasTeacher ? <AnswerLink session={session} /> : null}
    </div>
  );
}

function AnswerLink({ session }: { session: Session }) {
  const isLabeler = session.sessions.includes("labeler");
  return (
    <a class="primary" id="answer-them" href={isLabeler ? "/" : "/owner#labelers"}>
      {isLabeler ? "Answer them" : "Invite a labeler"}
    </a>
  );
}

function explanation({ kind, numAwaited }: Standing, stats: RunStats | null, hasTeacher: boolean): string {
  switch (kind) {
    case "awaiting": {
      if (hasTeacher) return "A teacher answers them.";
      const numThere = num(stats?.numReady) + num(stats?.numLeased);
      const isDrawing = stats !== null && numThere === 0;
      return isDrawing
        ? "The learner can’t go on without them. Their clips are being drawn."
        : "The learner can’t go on without them.";
    }
    case "paused":
      return numAwaited > 0 ? `The learner waits for ${plural(numAwaited, "answer")}.` : "";
    case "silent":
      return "Its services don’t report any more. Look whether somersault train still runs.";
    case "stopped":
      return "Answers that are given now are learned when it goes on.";
    case "finishing":
      return "The final video is being made.";
    default:
      return "";
  }
}
