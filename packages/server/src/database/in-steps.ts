/** Deletes again as long as a step finds `countMax` rows, its limit: in steps, so that none of them takes too long to end. */
export async function inSteps(
  countMax: number,
  step: () => Promise<{ readonly numDeletedRows: bigint }>,
): Promise<void> {
  let isFull = true;
  while (isFull) isFull = Number((await step()).numDeletedRows) >= countMax;
}
