// How the run is, and the button that pauses it or lets it go on.

import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";

import { call } from "../connect/call";
import { num } from "../connect/messages";
import { wordsOf } from "../owner/loading";
import { Dialog } from "../shell/dialog";
import type { ProgressPoint } from "./messages";
import { duration } from "./words";

/** After so many seconds without a report, the run is said to be silent: three of its quiet moments. */
const SILENT_S = 60;

interface StateProps {
  isPaused: boolean;
  newest: ProgressPoint | null;
  /** How many seconds ago the newest point was reported. */
  ageS: number;
}

export function RunState({ isPaused, newest, ageS }: StateProps) {
  const [state, words] = stateOf({ isPaused, newest, ageS });
  return (
    <p class="run-state" id="run-state" data-state={state} role="status">
      <span class="dot" aria-hidden="true" />
      {words}
    </p>
  );
}

function stateOf({ isPaused, newest, ageS }: StateProps): [string, string] {
  if (isPaused) return ["paused", "Paused: nobody is asked"];
  if (!newest) return ["waiting", "Waiting for the first report"];
  if (num(newest.envSteps) >= num(newest.totalEnvSteps)) return ["finished", "All steps are made"];
  if (ageS > SILENT_S) return ["silent", `No report for ${duration(ageS)}`];
  return ["running", "Running"];
}

interface PauseProps {
  runId: string;
  isPaused: boolean;
  onChanged: () => void;
}

export function PauseButton({ runId, isPaused, onChanged }: PauseProps) {
  const isOpen = useSignal(false);
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const change = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await call("UpdateRun", { runId, isPaused: !isPaused });
      isOpen.value = false;
      setProblem("");
      onChanged();
    } catch (error) {
      setProblem(wordsOf(error));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" id="pause" class={isPaused ? "primary" : "outlined"} onClick={() => (isOpen.value = true)}>
        {isPaused ? "Let the run go on" : "Pause the run"}
      </button>
      <Dialog id="pause-dialog" isOpen={isOpen} title={isPaused ? "Let the run go on?" : "Pause the run?"}>
        <form onSubmit={(event) => void change(event)}>
          {isPaused ? <ResumeWords /> : <PauseWords />}
          <p class="problem" role="alert">
            {problem}
          </p>
          <div class="dialog-buttons">
            <button type="button" class="outlined" onClick={() => (isOpen.value = false)}>
              Leave it as it is
            </button>
            <button type="submit" class="primary" id="pause-confirm" disabled={isBusy}>
              {isPaused ? "Go on" : "Pause"}
            </button>
          </div>
        </form>
      </Dialog>
    </>
  );
}

function PauseWords() {
  return (
    <>
      <p>Nobody gets a new pair, neither people nor teachers. Who has one before them may still answer it.</p>
      <p>
        The learner goes on with what it has learned for as long as it may: in lockstep until the next label is due,
        otherwise until answers are too far behind. Nothing is lost, and you can let the run go on at any time.
      </p>
    </>
  );
}

function ResumeWords() {
  return <p>Everybody gets pairs again, at once.</p>;
}
