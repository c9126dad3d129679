// The first thing on the page: the run's status, and what to do about it.

import { num } from "../../connect/messages";
import type { Session } from "../../connect/session";
import { plural } from "../../shell/words";
import type { Stats } from "../../connect/messages";
import { nothingLearned, type RunStatus } from "./status";

interface BannerProps {
  status: RunStatus;
  session: Session;
  stats: Stats | null;
  labelBudget: number;
}

export function StatusBanner({ status, session, stats, labelBudget }: BannerProps) {
  const { kind, words } = status;
  const hasTeacher = num(stats?.numLastHourByTeachers) > 0;
  return (
    <div class="run-status" data-kind={kind}>
      <p class="run-state" id="run-state" data-state={kind} role="status">
        <span class="dot" aria-hidden="true" />
        {words}
      </p>
      <p class="run-status-more">{explanation(status, stats, hasTeacher)}</p>
      <p class="run-status-more" id="nothing-learned" role="alert">{kind === "finished" ? "" : nothingLearned(stats, labelBudget)}</p>
      {status.numAwaited > 0 && kind === "awaiting" && !hasTeacher ? <AnswerLink session={session} /> : null}
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

function explanation({ kind, numAwaited }: RunStatus, stats: Stats | null, hasTeacher: boolean): string {
  switch (kind) {
    case "awaiting": {
      if (hasTeacher) return "A teacher is answering them.";
      const numThere = num(stats?.numReady) + num(stats?.numLeased);
      const isDrawing = stats !== null && numThere === 0;
      return isDrawing
        ? "The learner can’t continue without them. Their clips are being rendered."
        : "The learner can’t continue without them.";
    }
    case "paused":
      return numAwaited > 0 ? `The learner is waiting for ${plural(numAwaited, "answer")}.` : "";
    case "silent":
      return "Its services have stopped reporting. Check whether somersault train is still running.";
    case "stopped":
      return "Answers given now will be learned from when it resumes.";
    case "finishing":
      return "The final video is being made.";
    default:
      return "";
  }
}
