/** Whether PostgreSQL refused a row by this constraint: somebody else was first, after the look-up. */
export function violates(error: unknown, constraint: string): boolean {
  return (error as { constraint?: unknown }).constraint === constraint;
}
