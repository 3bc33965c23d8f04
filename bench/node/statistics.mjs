export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Of what ran one after the other; a machine changes its pace over minutes, so the medians' ratio would say less.
export const medianRatio = (a, b) => median(a.map((value, round) => value / b[round]));
