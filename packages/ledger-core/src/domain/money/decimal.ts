const PATTERN = /^([0-9]+)(?:\.([0-9]+))?$/;
const LENGTH_MAX = 80;

/** A decimal number that is not negative, exactly: `units` of 10 to the power of −`scale`. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** Reads a text such as "1.0842"; undefined for a sign, an exponent and everything that is no text. */
export function parseDecimal(text: unknown): Decimal | undefined {
  const match = typeof text === 'string' && text.length <= LENGTH_MAX ? PATTERN.exec(text) : null;
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

export function powerOfTen(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}
