/** The position of a stream: after one event of a row of the log, or after the whole row. */
export interface StreamMark {
  readonly position: bigint;
  /** The index of the event in its row, from 0; infinite after the whole row. */
  readonly index: number;
}

/** `17.2` after an event, `17` after a whole row. */
export const MARK_PATTERN = /^([0-9]{1,18})(?:\.([0-9]{1,3}))?$/;

export function wholeRow(position: bigint): StreamMark {
  return { position, index: Number.POSITIVE_INFINITY };
}

/** Undefined for a text that is not a mark. */
export function parseMark(text: string): StreamMark | undefined {
  const [, position, index] = MARK_PATTERN.exec(text) ?? [];
  if (position === undefined) return undefined;
  return index === undefined ? wholeRow(BigInt(position)) : { position: BigInt(position), index: Number(index) };
}

export function formatMark({ position, index }: StreamMark): string {
  return Number.isFinite(index) ? `${position}.${index}` : `${position}`;
}

/** The position to read on from, so that the rest of a partly delivered row is read again. */
export function readAfter({ position, index }: StreamMark): bigint {
  return Number.isFinite(index) ? position - 1n : position;
}

export function isSeen(mark: StreamMark, event: StreamMark): boolean {
  return event.position < mark.position || (event.position === mark.position && event.index <= mark.index);
}
