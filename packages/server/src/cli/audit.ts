import type { Command } from './command.js';

export const auditCommand: Command = {
  summary: 'list what operators and support did, the newest first',
  parameters: '',
  help: [
    '--principal NAME  only acts of this principal, such as operator:ID, user:ID or cli:ACCOUNT',
    '--operation NAME  only acts of this kind, such as freezeWallet',
    '--subject NAME    only acts on this id, address or name',
    '--from TIME       only acts from this time on, such as 2026-11-01T00:00:00Z',
    '--to TIME         only acts before this time',
    '--limit COUNT     the most entries to list, at most 10000; default: 100',
  ],
  words: { min: 0, max: 0 },
  options: {
    principal: { type: 'string' },
    operation: { type: 'string' },
    subject: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
  },
  async run(context) {
    // The other commands start sooner without what only this one needs.
    const { showAudit } = await import('./show-audit.js');
    return showAudit(context);
  },
};
