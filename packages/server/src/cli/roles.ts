import type { Command } from './command.js';

export const rolesCommand: Command = {
  summary: 'list, grant and revoke the role "support" of users',
  parameters: 'list | grant USER | revoke USER',
  help: [
    'USER            id or email of the user',
    '--reason TEXT   why, for the audit log',
    '',
    'Support reads all of the ledger, freezes and unfreezes, and moves no money.',
    'A running server takes a change over within three seconds.',
  ],
  words: { min: 1, max: 2 },
  options: { reason: { type: 'string' } },
  async run(context) {
    // The other commands start sooner without what only this one needs.
    const { manageRoles } = await import('./manage-roles.js');
    return manageRoles(context);
  },
};
