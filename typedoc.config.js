import { OptionDefaults } from 'typedoc';

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
    // An inner type that a signature mentions is described where it is used.
    validation: { notExported: false, invalidLink: true, notDocumented: false },
  },
  out: 'docs/reference/api',
  readme: 'README.md',
  includeVersion: true,
  treatValidationWarningsAsErrors: true,
};
