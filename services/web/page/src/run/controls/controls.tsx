// What an owner can do with a run: pause, resume or finish it, change its budget or its question.

import { useState } from "preact/hooks";

import { call } from "../../connect/call";
import type { RunChange } from "../../connect/messages";
import { ConfirmDialog } from "../../shell/confirm_dialog";
import { plural, short } from "../../shell/words";
import { BudgetDialog } from "./budget_dialog";
import { QuestionDialog } from "./question_dialog";
import type { RunStatus } from "../status/status";

export interface ControlsProps {
  runId: string;
  status: RunStatus;
  question: string;
  isPaused: boolean;
  isFinishing: boolean;
  labelBudget: number;
  numAnswered: number;
  envSteps: number;
  totalEnvSteps: number;
  onChanged: () => void;
}

type Open = "pause" | "finish" | "budget" | "question" | null;

export function Controls(props: ControlsProps) {
  const { runId, status, isPaused, isFinishing, onChanged } = props;
  const [open, setOpen] = useState<Open>(null);
  if (status.kind === "finished") return null;
  const isStopped = status.kind === "stopped";
  const close = () => setOpen(null);
  const update = async (change: RunChange) => {
    await call("UpdateRun", { runId, ...change });
    onChanged();
  };
  return (
    <div class="controls">
      <button type="button" class="small" id="edit-question" onClick={() => setOpen("question")}>
        Question…
      </button>
      <button type="button" class="small" id="edit-budget" onClick={() => setOpen("budget")}>
        Label budget…
      </button>
      {isStopped ? null : (
        <button type="button" class="small" id="finish" onClick={() => setOpen("finish")}>
          {isFinishing ? "Don’t finish…" : "Finish now…"}
        </button>
      )}
      {isStopped || isFinishing ? null : (
        <button type="button" class={isPaused ? "primary" : "outlined"} id="pause" onClick={() => setOpen("pause")}>
          {isPaused ? "Resume the run" : "Pause the run"}
        </button>
      )}
      {open === "pause" ? (
        <PauseDialog isPaused={isPaused} onConfirm={() => update({ isPaused: !isPaused })} onClose={close} />
      ) : null}
      {open === "finish" ? (
        <FinishDialog {...props} onConfirm={() => update({ isFinishing: !isFinishing })} onClose={close} />
      ) : null}
      {open === "budget" ? <BudgetDialog {...props} update={update} onClose={close} /> : null}
      {open === "question" ? <QuestionDialog question={props.question} update={update} onClose={close} /> : null}
    </div>
  );
}

interface DialogProps {
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

function PauseDialog({ isPaused, onConfirm, onClose }: DialogProps & { isPaused: boolean }) {
  return (
    <ConfirmDialog
      id="pause-dialog"
      title={isPaused ? "Resume the run?" : "Pause the run?"}
      action={isPaused ? "Resume" : "Pause"}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      {isPaused ? (
        <p>Everyone gets pairs again at once.</p>
      ) : (
        <>
          <p>No one gets a new pair, neither people nor teachers. Pairs that are open can still be answered.</p>
          <p>
            The learner continues with what it has learned for as long as it can: in lockstep until the next label is
            due, otherwise until answers fall too far behind. Nothing is lost, and you can resume the run at any time.
          </p>
        </>
      )}
    </ConfirmDialog>
  );
}

function FinishDialog(props: ControlsProps & DialogProps) {
  const { isFinishing, envSteps, totalEnvSteps, numAnswered, labelBudget, onConfirm, onClose } = props;
  const numOpen = Math.max(0, labelBudget - numAnswered);
  return (
    <ConfirmDialog
      id="finish-dialog"
      title={isFinishing ? "Continue after all?" : "Finish the run now?"}
      action={isFinishing ? "Continue" : "Finish the run"}
      isBad={!isFinishing}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      {isFinishing ? (
        <p>If the learner hasn’t stopped yet, it continues to the end of its steps.</p>
      ) : (
        <>
          <p>
            The learner stops after {short(envSteps)} of {short(totalEnvSteps)} steps and keeps its current policy.
            {numOpen > 0 ? ` ${plural(numOpen, "more label")} of the budget won’t be asked for.` : ""}
          </p>
          <p>
            The final video is made, everyone who has the page open is thanked, and <code>somersault train</code> ends.
            All answers, the policy and the curves are kept. A finished run can’t be continued.
          </p>
        </>
      )}
    </ConfirmDialog>
  );
}
