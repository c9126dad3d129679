// Changes how much a labeler's answers count.

import { useState } from "preact/hooks";

import { call } from "../../connect/call";
import type { LabelerQuality } from "../../connect/messages";
import { ConfirmDialog } from "../../shell/confirm_dialog";

interface WeightDialogProps {
  runId: string;
  labeler: LabelerQuality;
  proposed: number;
  onChanged: () => Promise<void>;
  onClose: () => void;
}

export function WeightDialog({ runId, labeler, proposed, onChanged, onClose }: WeightDialogProps) {
  const [weight, setWeight] = useState(String(proposed));
  const [reason, setReason] = useState("");
  const name = labeler.name || labeler.labelerId;
  const isExclusion = Number(weight) === 0;
  const confirm = async () => {
    const { labelerId } = labeler;
    await call("SetLabelerWeight", { runId, labelerId, weight: Number(weight), reason: reason.trim() });
    await onChanged();
  };
  return (
    <ConfirmDialog
      id="weight"
      title={`How much ${name}’s answers count`}
      action={isExclusion ? "Exclude" : "Set the weight"}
      isBad={isExclusion}
      onConfirm={confirm}
      onClose={onClose}
    >
      <div class="field">
        <label for="weight-value">Weight</label>
        <input
          id="weight-value"
          type="number"
          min={0}
          max={10}
          step="any"
          required
          value={weight}
          onInput={(event) => setWeight(event.currentTarget.value)}
        />
        <p>
          1 is the default, 0 excludes. It applies to all of {name}’s answers in this run, earlier ones too; the reward
          is learned again with it, and it can be changed back.
        </p>
      </div>
      <div class="field">
        <label for="weight-reason">Reason</label>
        <input
          id="weight-reason"
          maxLength={500}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <p>Kept in the audit log.</p>
      </div>
    </ConfirmDialog>
  );
}
