import { domainToASCII, domainToUnicode } from 'node:url';

/** In characters, as JSON Schema counts them (RFC 5321: 256 with the brackets around it). */
export const EMAIL_LENGTH_MAX = 254;

/** RFC 5322's dot-atom; of what RFC 6532 adds, letters, marks and digits: nothing invisible, no symbol, no space. */
const ATOM = "[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+";
const LOCAL = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`, 'u');
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
const DOMAIN = /^[\p{L}\p{M}\p{N}.-]+$/u;
/** Labels of RFC 1035, at least two; the last is no number, as that would be an IP address. */
const ASCII_DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The one form of an email that names a user, whatever its case, its Unicode form (NFC, NFD, full-width) and the form of its domain
 * (`münchen.de`, `xn--mnchen-3ya.de`): NFKC in lower case, the domain by UTS 46 in ASCII. Letters that only look alike stay apart.
 * Undefined for a text that is no email (RFC 5321, RFC 6531).
 */
export function canonicalEmail(text: string): string | undefined {
  // RFC 6531 keeps it as it is; a full-width one would be one more way to tell an email from an id.
  if (!text.includes('@')) return undefined;
  const folded = text.normalize('NFKC').toLowerCase().normalize('NFKC');
  const at = folded.lastIndexOf('@');
  const [local, domain] = [folded.slice(0, Math.max(0, at)), folded.slice(at + 1)];
  if (!LOCAL.test(local) || INVISIBLE.test(folded) || !DOMAIN.test(domain)) return undefined;
  const ascii = domainToASCII(domain);
  if (!ASCII_DOMAIN.test(ascii)) return undefined;
  const email = `${local}@${ascii}`;
  return [...email].length <= EMAIL_LENGTH_MAX ? email : undefined;
}

/** An email as people read it: its domain in Unicode. */
export function shownEmail(canonical: string): string {
  const at = canonical.lastIndexOf('@') + 1;
  return canonical.slice(0, at) + domainToUnicode(canonical.slice(at));
}
