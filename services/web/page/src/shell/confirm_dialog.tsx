// Asks for confirmation before an action that affects others.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { Dialog } from "./dialog";
import { Problem, useAction } from "./parts";

interface ConfirmDialogProps {
  id: string;
  title: string;
  /** The label of the confirming button. */
  action: string;
  isBad?: boolean;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog that is open as long as it is mounted. */
export function ConfirmDialog({ id, title, action, isBad, onConfirm, onClose, children }: ConfirmDialogProps) {
  const isOpen = useMemo(() => signal(true), []);
  const { isBusy, problem, run } = useAction();
  useEffect(
    () =>
      isOpen.subscribe((value) => {
        if (!value) onClose();
      }),
    [],
  );
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    if (await run(onConfirm)) isOpen.value = false;
  };
  return (
    <Dialog id={id} isOpen={isOpen} title={title}>
      <form onSubmit={(event) => void onSubmit(event)}>
        {children}
        {problem ? <Problem sentence={problem} /> : null}
        <div class="actions end">
          <button type="button" class="quiet" onClick={() => (isOpen.value = false)}>
            Cancel
          </button>
          <button type="submit" class={isBad ? "primary bad" : "primary"} disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
