// Exponential smoothing of a curve, as TensorBoard does it.

/**
 * Return a curve's exponential moving average, corrected for its start.
 *
 * As in TensorBoard's "smoothing" slider: `smoothed = weight * smoothed + (1 - weight) * value`, divided by
 * `1 - weight ** n`. Gaps stay gaps.
 *
 * @param weight 0, the curve itself, to less than 1.
 */
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return values;
  let average = 0;
  let count = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    count += 1;
    average = weight * average + (1 - weight) * value;
    return average / (1 - weight ** count);
  });
}
