// A dialog that a signal opens; Escape and its buttons close it.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface DialogProps {
  id: string;
  isOpen: Signal<boolean>;
  title: string;
  children: ComponentChildren;
}

export function Dialog({ id, isOpen, title, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const mustBeOpen = isOpen.value;
  // Before the next key press, which must not answer a pair that the dialog is about to cover.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element || element.open === mustBeOpen) return;
    if (!mustBeOpen) return element.close();
    element.showModal();
    // The button at the end has the focus, but reading starts at the top.
    element.scrollTop = 0;
  }, [mustBeOpen]);
  return (
    <dialog id={id} ref={dialog} aria-labelledby={`${id}-title`} onClose={() => (isOpen.value = false)}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </dialog>
  );
}
