// Changes what labelers are asked.

import { useState } from "preact/hooks";

import type { RunChange } from "../../connect/messages";
import { ConfirmDialog } from "../../shell/confirm_dialog";

export const MAX_QUESTION_LENGTH = 2000;

interface QuestionDialogProps {
  question: string;
  update: (change: RunChange) => Promise<void>;
  onClose: () => void;
}

export function QuestionDialog({ question, update, onClose }: QuestionDialogProps) {
  const [text, setText] = useState(question);
  return (
    <ConfirmDialog
      id="question-dialog"
      title="What are labelers asked?"
      action="Change the question"
      onConfirm={() => update({ question: text.trim() })}
      onClose={onClose}
    >
      <div class="field">
        <label for="question-text">Question</label>
        <textarea
          id="question-text"
          rows={3}
          required
          maxLength={MAX_QUESTION_LENGTH}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p>
          Everyone sees it from the next pair on. Answers to the previous question are kept and learned from like the
          others. What the question means in detail belongs in the{" "}
          <a href="/owner#guidelines">guidelines</a>.
        </p>
      </div>
    </ConfirmDialog>
  );
}
