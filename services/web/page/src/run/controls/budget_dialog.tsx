// Changes how many labels a run may use, and explains what that will mean.

import { useState } from "preact/hooks";

import type { RunChange } from "../../connect/messages";
import { ConfirmDialog } from "../../shell/confirm_dialog";
import { plural } from "../../shell/words";

export const MAX_BUDGET = 1_000_000;

interface BudgetDialogProps {
  labelBudget: number;
  numAnswered: number;
  update: (change: RunChange) => Promise<void>;
  onClose: () => void;
}

export function BudgetDialog({ labelBudget, numAnswered, update, onClose }: BudgetDialogProps) {
  const [text, setText] = useState(String(labelBudget || Math.max(1, numAnswered)));
  return (
    <ConfirmDialog
      id="budget-dialog"
      title="How many labels may the run use?"
      action="Change the budget"
      onConfirm={() => update({ labelBudget: String(Number(text)) })}
      onClose={onClose}
    >
      <div class="field">
        <label for="budget-value">Labels in total</label>
        <input
          id="budget-value"
          type="number"
          min={1}
          max={MAX_BUDGET}
          step={1}
          required
          value={text}
          aria-describedby="budget-meaning"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p id="budget-meaning" role="status">
          {meaningOf(Number(text), { labelBudget, numAnswered })}
        </p>
      </div>
    </ConfirmDialog>
  );
}

/** Return what a new budget will mean, in a sentence or two. */
export function meaningOf(budget: number, { labelBudget, numAnswered }: { labelBudget: number; numAnswered: number }): string {
  if (!Number.isInteger(budget) || budget < 1 || budget > MAX_BUDGET) return "A whole number from 1 to 1,000,000.";
  const answered = `${plural(numAnswered, "label")} answered so far`;
  if (budget <= numAnswered) return `${answered}: no more will be asked for, and the learner uses up its steps with those.`;
  const more = `${answered}: ${budget - numAnswered} more will be asked for`;
  if (budget === labelBudget) return `${more}, as now.`;
  if (!labelBudget) return `${more}.`;
  const change = budget > labelBudget ? `${budget - labelBudget} more than now` : `${labelBudget - budget} fewer than now`;
  return `${more}, ${change}. They are spread over the remaining steps.`;
}
