/** A transfer to post, as the body of a request has it. */
export interface PostTransferJson {
  readonly from: string;
  /** A wallet id or an email. */
  readonly to: string;
  readonly amount: string;
  readonly currency: string;
  readonly description?: string | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
  readonly reference?: string | undefined;
  readonly effectiveAt?: Date | undefined;
  /** Only judged, not posted. */
  readonly dryRun?: boolean | undefined;
}

/** Tells an email from a wallet id, which has no `@`. */
export function isEmail(text: string): boolean {
  return text.includes('@');
}
