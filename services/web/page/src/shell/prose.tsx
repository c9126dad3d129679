// A sentence in which `backticks` mark code.

export function Prose({ text }: { text: string }) {
  return <>{text.split("`").map((part, index) => (index % 2 ? <code key={part}>{part}</code> : part))}</>;
}
