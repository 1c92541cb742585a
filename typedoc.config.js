import { OptionDefaults } from 'typedoc';

const validation = {
  invalidLink: true,
  // An inner type that a signature mentions is described where it is used.
  notExported: false,
  // The readmes link to folders of the repository, which are no part of these pages.
  invalidPath: false,
};

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'MicroPay',
  entryPointStrategy: 'packages',
  entryPoints: ['packages/ledger-core', 'packages/server', 'packages/client-sdk'],
  packageOptions: {
    // openapi-typescript writes the descriptions of the API under a tag of its own.
    blockTags: [...OptionDefaults.blockTags, '@description'],
    excludeInternal: true,
    excludePrivate: true,
    validation,
  },
  out: 'docs/reference/api',
  readme: 'README.md',
  validation,
  includeVersion: true,
  treatValidationWarningsAsErrors: true,
};
