import { ProblemError } from '../errors/problem.js';
import { isId } from '../http/fields.js';
import type { UserId } from '../identity/user-id.js';

/**
 * The id of a user in a path.
 *
 * @throws {ProblemError} `user_not_found` for a text that is no id
 */
export function userIdIn(id: string): UserId {
  if (!isId(id)) throw userMissing();
  return id as UserId;
}

export function userMissing(): ProblemError {
  return new ProblemError('user_not_found', 'no user has this id');
}
