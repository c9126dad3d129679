// A secret with a button that copies it.

import { useRef, useState } from "preact/hooks";

export function Copied({ id, label, value }: { id: string; label: string; value: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    input.current?.select();
    setIsCopied(await copied(value));
  };
  return (
    <div class="copied">
      <label for={id}>{label}</label>
      <input id={id} ref={input} readOnly value={value} spellcheck={false} onFocus={(event) => event.currentTarget.select()} />
      <button type="button" class="small" onClick={() => void copy()}>
        Copy
      </button>
      <span role="status">{isCopied ? "copied" : ""}</span>
    </div>
  );
}

/** Copy a text, or the selection where a page without TLS may do no more; return whether that worked. */
export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
