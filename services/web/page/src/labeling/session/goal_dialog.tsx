// Where a labeler sets a goal.

import { useRef } from "preact/hooks";

import { Dialog } from "../../shell/dialog";
import { goal, isGoalOpen, isReached, LARGEST_GOAL, numDone } from "./goal";

const PROPOSED = [10, 20, 50, 100];

/** The goal and the progress towards it; opens the dialog. */
export function GoalButton() {
  const target = goal.value;
  return (
    <button type="button" class="quiet goal" id="goal-button" data-action="goal" data-reached={isReached.value}>
      {target === null ? (
        "Set a goal"
      ) : (
        <>
          <span class="goal-bar" aria-hidden="true">
            <progress max={target} value={Math.min(target, numDone.value)} />
          </span>
          <span id="goal-text">
            {isReached.value ? "✓ " : ""}
            {numDone} of {target}
          </span>
        </>
      )}
    </button>
  );
}

export function GoalDialog() {
  const input = useRef<HTMLInputElement>(null);
  const onSubmit = () => {
    const value = input.current?.valueAsNumber ?? NaN;
    if (value >= 1 && value <= LARGEST_GOAL) goal.value = Math.round(value);
  };
  return (
    <Dialog id="goal" isOpen={isGoalOpen} title="A goal for this session">
      <form method="dialog" onSubmit={onSubmit}>
        <p>How many answers to give before a break. Only you see this.</p>
        <div class="goal-choices">
          {PROPOSED.map((count) => (
            <button key={count} type="submit" value="proposed" onClick={() => choose(input.current, count)}>
              {count}
            </button>
          ))}
          <label>
            Another number
            <input ref={input} type="number" min="1" max={LARGEST_GOAL} step="1" defaultValue={String(goal.value ?? 20)} />
          </label>
        </div>
        <div class="buttons">
          {goal.value === null ? null : (
            <button type="button" class="quiet" onClick={drop}>
              No goal
            </button>
          )}
          <button class="primary" value="set">
            Set goal
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function choose(input: HTMLInputElement | null, count: number): void {
  if (input) input.valueAsNumber = count;
}

function drop(): void {
  goal.value = null;
  isGoalOpen.value = false;
}
