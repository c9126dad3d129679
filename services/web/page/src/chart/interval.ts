// When a share of trials is meaningful, and how precisely it is known.

/** Fewer answers say little: a coin gets three right of three in one case out of eight. */
export const MIN_ANSWERS = 10;

/** Return the 95% interval of a share of `count` trials: Wilson 1927, "Probable inference". */
export function wilson(share: number, count: number): [number, number] {
  const z = 1.96;
  const middle = share + (z * z) / (2 * count);
  const margin = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  const scale = 1 + (z * z) / count;
  return [Math.max(0, (middle - margin) / scale), Math.min(1, (middle + margin) / scale)];
}
