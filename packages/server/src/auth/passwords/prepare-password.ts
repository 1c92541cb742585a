/** Controls cannot be typed everywhere, and half a surrogate pair becomes the same bytes as any other half. */
const REFUSED = /[\p{Cc}\p{Surrogate}]/u;

/**
 * A password as it is hashed: RFC 8265's OpaqueString, so that it is the same from every keyboard and device. Composed
 * (NFC), each space an ASCII space, no case or width mapped. Undefined for what no password may hold.
 */
export function preparePassword(text: string): string | undefined {
  if (REFUSED.test(text)) return undefined;
  return text.replaceAll(/\p{Zs}/gu, ' ').normalize('NFC');
}
