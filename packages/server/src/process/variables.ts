import { z } from 'zod';
import { onOrOff, wholeNumber } from './environment.js';
import { RATE_LIMIT_VARIABLES } from './rate-limit-variables.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const OPERATOR_KEY_LENGTH_MIN = 16;
export const PORT_MAX = 65_535;
const TRUSTED_PROXIES_MAX = 10;
const WORKERS_MAX = 64;
export const VERIFY_HOURS_MAX = 8_760;

const text = z.string().min(1);

/** The ledger's rules for its name and its schema, checked before anything is opened. */
export const ledgerName = z
  .string('must be a text')
  .regex(/^[a-zA-Z0-9_.-]{1,63}$/, 'must be a ledger name of 1 to 63 letters, digits, "_", "." and "-"')
  .meta({ type: '1 to 63 letters, digits, "_", "." and "-"' });
const SCHEMA_BYTES_MAX = 63;
export const schemaName = z
  .string('must be a text')
  .refine(
    (name) => name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= SCHEMA_BYTES_MAX,
    `must be the name of a schema, 1 to ${SCHEMA_BYTES_MAX} bytes`,
  )
  .refine((name) => !/^pg_|^information_schema$/.test(name), "must not be a schema of PostgreSQL's own")
  .meta({ type: `1 to ${SCHEMA_BYTES_MAX} bytes` });

/** The variables that every command reads. The metadata of each variable is all that the reference says of it. */
export const DATABASE_VARIABLES = {
  DATABASE_URL: z
    .string('is missing: set it to postgresql://user:password@host:5432/database')
    .regex(/^postgres(?:ql)?:\/\/./, {
      error: 'must look like postgresql://user:password@host:5432/database',
      abort: true,
    })
    .refine(
      isUnambiguousUrl,
      'is not a URL: percent-encode special characters of the password, such as "%2F" for "/" and "%25" for "%", and ' +
        'write the port as a number',
    )
    .meta({
      type: 'URL',
      example: 'postgresql://user:password@localhost:5432/money',
      description:
        'PostgreSQL 14 to 18 with encoding UTF8. Connect directly: a pooler that shares connections between transactions ' +
        'does not work.',
    }),
  DATABASE_SCHEMA: schemaName.default('micropay').meta({
    description: 'Schema of the tables. A migration creates it if it is missing.',
  }),
  LEDGER: ledgerName.default('main').meta({
    description:
      'Ledger that holds the users and wallets. Emails are unique within it. Servers of different ledgers may share a ' +
      'schema: the tokens, keys, ids and cursors of one are not valid at another.',
  }),
};

/** The variables that only `micropay serve` reads. */
export const SERVER_VARIABLES = {
  HOST: text.regex(/^\S+$/, 'must not contain white space').default('127.0.0.1').meta({
    type: 'IP address or host name',
    description: 'Address that the server listens on. 0.0.0.0 is every IPv4 address of the machine.',
  }),
  PORT: wholeNumber(0, PORT_MAX).default(3000).meta({
    description: 'Port that the server listens on. 0 picks a free port.',
  }),
  WORKERS: wholeNumber(1, WORKERS_MAX)
    .default(1)
    .meta({
      unit: 'processes',
      description:
        'How many processes share the port. Each has its own connections to PostgreSQL. 1 fits containers, of which you run more ' +
        'instead.',
    }),
  OPERATOR_API_KEY: z
    .string()
    .regex(/^\S*$/, 'must not contain white space')
    .min(OPERATOR_KEY_LENGTH_MIN, `must have at least ${OPERATOR_KEY_LENGTH_MIN} characters`)
    .optional()
    .meta({
      type: `text of at least ${OPERATOR_KEY_LENGTH_MIN} characters, without white space`,
      unset: 'generated at the first start',
      example: 'choose-a-long-random-text',
      description: "Sets the operator's API key, in place of the one that the database has.",
    }),
  DATA_DIR: text.optional().meta({
    type: 'path of a folder',
    example: '/var/lib/micropay',
    unset: 'the key is printed only',
    description: 'Folder that stores a generated operator key, readable only by its owner.',
  }),
  MIGRATE: onOrOff()
    .default('on')
    .meta({
      description:
        '`on` migrates the tables at the start, as `micropay migrate --phase before` does. `off` refuses to start on tables that ' +
        'lack a migration, with `schema_outdated`: the role of the server then needs no right to change tables.',
    }),
  VERIFY_EVERY_HOURS: wholeNumber(0, VERIFY_HOURS_MAX)
    .default(24)
    .meta({
      unit: 'hours',
      description:
        'How often the server verifies its ledger in the background, as `micropay verify` does; one of all servers at a time. 0 turns ' +
        'it off. Metrics and the log have the result.',
    }),
  ...RATE_LIMIT_VARIABLES,
  TOKEN_ISSUER: text.default('micropay').meta({ type: 'text', description: 'The `iss` of access tokens.' }),
  TRUSTED_PROXIES: wholeNumber(0, TRUSTED_PROXIES_MAX).default(0).meta({
    unit: 'proxies',
    description:
      'How many of your own proxies are in front of the server. It trusts that many entries of `X-Forwarded-For`.',
  }),
  WEBHOOK_ALLOWED_NETWORKS: z
    .string()
    .transform((list) => list.split(',').map((network) => network.trim()))
    .pipe(z.array(z.string().refine(isNetwork, 'must be CIDR blocks such as 10.0.0.0/8')))
    .default([])
    .meta({
      type: 'CIDR blocks, separated by commas',
      example: '10.20.0.0/16,fd12::/16',
      description:
        'Private networks that webhooks may be sent to, also by plain HTTP. By default they are sent to public addresses alone, by HTTPS.',
    }),
  WEBHOOK_NOTICE_EMAIL: z.email('must be an email such as ops@example.com').optional().meta({
    type: 'email',
    example: 'ops@example.com',
    unset: 'no mail is sent',
    description: 'Receives a mail when the server disables a webhook endpoint. It needs the settings of mails.',
  }),
  NOTIFICATIONS: onOrOff()
    .default('off')
    .meta({
      description:
        'Whether users are notified of what happens to their money, in an inbox and by mail. Each movement then writes a row for each user whom it ' +
        'concerns. Set it alike for all servers of a ledger: with `off`, what has happened is told to nobody later.',
    }),
  STATEMENT_LOGO: text.optional().meta({
    type: 'path',
    example: '/etc/micropay/logo.png',
    description: 'A PNG or JPEG image of at most 1 MiB, shown on the PDFs of statements beside `SERVICE_NAME`.',
  }),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .pipe(z.array(z.string().refine(isOrigin, 'must be origins such as https://app.example.com, without a path')))
    // Browsers send an origin without a trailing slash and without the scheme's default port.
    .transform((list) => list.map((origin) => new URL(origin).origin))
    .default([])
    .meta({
      type: 'origins, separated by commas',
      example: 'https://app.example.com,http://localhost:5173',
      description: 'Origins whose pages may call the server from a browser.',
    }),
};

/** The variables that `micropay serve` and `micropay relay` read, beside those of Kafka. */
export const COMMON_VARIABLES = {
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info').meta({
    description:
      'How much is logged: JSON lines on standard error, without secrets or emails. `debug` logs each request.',
  }),
};

/**
 * Whether the parts of a URL are where its author meant them to be. A "/", "?" or "#" in a password ends the host early,
 * and a "%" may begin no character.
 */
function isUnambiguousUrl(text: string): boolean {
  try {
    const { username, password, hostname, pathname, search, hash } = new URL(text);
    for (const part of [username, password, hostname, pathname]) decodeURIComponent(part);
    return username !== '' || !`${pathname}${search}${hash}`.includes('@');
  } catch {
    return false;
  }
}

function isNetwork(text: string): boolean {
  return z.union([z.cidrv4(), z.cidrv6()]).safeParse(text).success;
}

function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return false;
  const { href, origin } = new URL(text);
  return href === `${origin}/`;
}
