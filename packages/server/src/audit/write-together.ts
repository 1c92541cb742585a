interface Waiting<Row> {
  readonly row: Row;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Returns a function that stores a row and resolves when it is stored. Rows that come while others are being written wait and
 * go together in the next statement, so that many callers cost few flushes. Rejects with `full` when `waitingMax` rows wait.
 */
export function writeTogether<Row>({
  write,
  rowsMax,
  waitingMax,
  full,
}: {
  readonly write: (rows: readonly Row[]) => Promise<unknown>;
  /** The most rows of one statement. */
  readonly rowsMax: number;
  readonly waitingMax: number;
  readonly full: () => Error;
}): (row: Row) => Promise<void> {
  const queue: Waiting<Row>[] = [];
  let isWriting = false;

  async function writeAll(): Promise<void> {
    isWriting = true;
    while (queue.length > 0) {
      const batch = queue.splice(0, rowsMax);
      await write(batch.map(({ row }) => row)).then(
        () => {
          for (const { resolve } of batch) resolve();
        },
        (error: unknown) => {
          for (const { reject } of batch) reject(error);
        },
      );
    }
    isWriting = false;
  }

  return (row) => {
    if (queue.length >= waitingMax) return Promise.reject(full());
    return new Promise((resolve, reject) => {
      queue.push({ row, resolve, reject });
      if (!isWriting) void writeAll();
    });
  };
}
