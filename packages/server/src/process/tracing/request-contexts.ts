import type { Context, ContextManager } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

/**
 * Keeps the context of work that is under way, and nothing beyond: once no work has one, async hooks are off again. Where Node
 * keeps async context by hooks (before release 24), each promise of the process costs two to three times as much with them, and
 * at 1 % sampling most requests would pay for the few.
 */
export function createRequestContexts(): ContextManager {
  const contexts = new AsyncLocalStorageContextManager();
  let underWay = 0;
  const leave = () => {
    underWay -= 1;
    if (underWay === 0) contexts.disable();
  };
  const manager: ContextManager = {
    active: () => contexts.active(),
    with<Args extends unknown[], Work extends (...args: Args) => ReturnType<Work>>(
      context: Context,
      work: Work,
      thisArg?: ThisParameterType<Work>,
      ...args: Args
    ): ReturnType<Work> {
      underWay += 1;
      let result: unknown;
      try {
        result = contexts.with(context, work, thisArg, ...args);
      } finally {
        if (result instanceof Promise) result.then(leave, leave);
        else leave();
      }
      return result as ReturnType<Work>;
    },
    bind: (context, target) => contexts.bind(context, target),
    enable: () => manager,
    disable() {
      contexts.disable();
      return manager;
    },
  };
  return manager;
}
