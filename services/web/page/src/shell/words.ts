// Numbers and durations as people read them.

/** Return a large count in few characters: 950, 1.2k, 131k, 2.5M. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 999_500) return `${trimmed(value / 1e6)}M`;
  if (size >= 1_000) return `${trimmed(value / 1e3)}k`;
  return String(Math.round(value));
}

function trimmed(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
}

/** Return a figure with as many decimals as its size needs and a true minus sign. */
export function figure(value: number): string {
  const size = Math.abs(value);
  const decimals = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  const text = size >= 10_000 ? short(value) : value.toFixed(decimals);
  return text.replace("-", "−");
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** Return a duration in words, in the unit that fits. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** Return how long ago something was. */
export function ago(seconds: number): string {
  return seconds < 10 ? "just now" : `${duration(seconds)} ago`;
}

/** Return "7 of 20", or just "7" without a budget or with one that an owner has lowered below the count. */
export function ofBudget(count: number, budget: number, between = " of "): string {
  return budget >= Math.max(1, count) ? `${count}${between}${budget}` : String(count);
}

/** Return a path quoted for a shell. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
