type Changed = { readonly numDeletedRows: bigint } | { readonly numUpdatedRows: bigint };

/** Deletes or updates again as long as a step finds `countMax` rows, its limit: in steps, so that none of them takes too long to end. */
export async function inSteps(countMax: number, step: () => Promise<Changed>): Promise<void> {
  let isFull = true;
  while (isFull) isFull = countOf(await step()) >= countMax;
}

function countOf(changed: Changed): number {
  return Number('numDeletedRows' in changed ? changed.numDeletedRows : changed.numUpdatedRows);
}
