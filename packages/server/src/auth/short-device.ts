const LENGTH_MAX = 40;

/** Names that programs give themselves; each stands before those that its user agent names as well. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A program and its system in a few words, such as `Firefox on Linux`: enough for people to know their sessions by. */
export function shortDevice(userAgent: string | undefined): string | null {
  if (userAgent === undefined) return null;
  const program = nameIn(PROGRAMS, userAgent) ?? /^[\w.-]+/.exec(userAgent)?.[0].slice(0, LENGTH_MAX);
  const system = nameIn(SYSTEMS, userAgent);
  if (program === undefined) return system ?? null;
  return system === undefined ? program : `${program} on ${system}`;
}

function nameIn(names: readonly (readonly [RegExp, string])[], userAgent: string): string | undefined {
  return names.find(([pattern]) => pattern.test(userAgent))?.[1];
}
