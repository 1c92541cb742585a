import { ERRORS } from '../../errors/error-codes.js';
import { ProblemError } from '../../errors/problem.js';
import { type Act, subjectOf } from '../../identity/act.js';
import type { Principal } from '../../identity/principal.js';
import type { ActOutcome, AuditTrail, Refused } from '../audit-trail.js';
import type { Endpoint } from '../endpoint.js';
import { toProblem } from '../to-problem.js';

interface Asked {
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  /** As the endpoint's schema says; undefined before it is read. */
  readonly body?: unknown;
  readonly clientAddress: string;
  readonly requestId: string;
}

/** The act that a request asks for, as the audit log names it. */
export function actOf(endpoint: Endpoint, { principal, params, body, clientAddress, requestId }: Asked): Act {
  const fields = (body ?? {}) as Readonly<Record<string, unknown>>;
  const named = endpoint.subject === undefined ? (params.id ?? params.code) : fields[endpoint.subject];
  return {
    principal: `${principal.kind}:${principal.id}`,
    operation: endpoint.operationId,
    subject: subjectOf(named),
    reason: typeof fields.reason === 'string' ? fields.reason : undefined,
    clientAddress,
    requestId,
  };
}

/** Whether a request may change something by more than the rights of a user. A dry run changes nothing. */
export function isAct({ method, scope }: Endpoint, principal: Principal, body: unknown): boolean {
  const isPlainUser = principal.kind === 'user' && principal.role === undefined;
  if (isPlainUser || method === 'get' || scope === undefined) return false;
  return (body as { dryRun?: boolean } | undefined)?.dryRun !== true;
}

/** Does an act between its entry in the audit log and the outcome of it, so that none that happened is missing there. */
export async function doRecorded<Result extends object>(
  audit: AuditTrail,
  act: Act,
  principal: Principal,
  work: () => Promise<Result> | Result,
): Promise<Result> {
  const id = await audit.begin(act);
  try {
    const result = await work();
    await audit.end(id, { outcome: 'done', result: idIn(result) });
    return result;
  } catch (error) {
    await audit.end(id, outcomeOf(error, principal));
    throw error;
  }
}

export function refusedKind(principal: Principal): Refused {
  if (principal.kind === 'operator') return 'key';
  return principal.role ?? 'user';
}

/** Does an act that its handler records itself, and records the attempt if the handler finds that the key may not. */
export async function recordForbidden<Result>(
  audit: AuditTrail,
  act: Act,
  principal: Principal,
  work: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'forbidden') await audit.refuse(act, refusedKind(principal));
    throw error;
  }
}

const STATUS_OF_FAULTS = 500;

function outcomeOf(error: unknown, principal: Principal): ActOutcome {
  const { code } = toProblem(error, principal).problem;
  return { outcome: ERRORS[code].status < STATUS_OF_FAULTS ? 'refused' : 'failed', code };
}

/** The id of what a response is about. */
function idIn(result: object): string | undefined {
  return 'body' in result ? subjectOf((result.body as { id?: unknown } | undefined)?.id) : undefined;
}
