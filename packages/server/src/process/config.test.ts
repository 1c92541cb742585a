import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { configurationReference, environmentExample } from '../../configuration-reference.js';
import { VALIDATOR_WORDS } from '../../test/support/validator-words.js';
import { RATE_LIMITS_DEFAULT } from '../throttling/rate-limit-settings.js';
import {
  checkVariableNames,
  readConfig,
  readDatabaseSettings,
  redactConfig,
  unknownVariables,
  VARIABLES,
} from './config.js';

const DATABASE_URL = 'postgres://user:secret@db.example.com:5432/money?sslmode=require';

describe('the environment', () => {
  it('the environment needs no more than a database', () => {
    expect(readConfig({ DATABASE_URL, PORT: '', LEDGER: '' })).toEqual({
      databaseUrl: DATABASE_URL,
      databaseSchema: 'micropay',
      ledger: 'main',
      host: '127.0.0.1',
      port: 3000,
      tokenIssuer: 'micropay',
      trustedProxies: 0,
      migrate: true,
      verifyEverySeconds: 86_400,
      rateLimits: RATE_LIMITS_DEFAULT,
      corsOrigins: [],
      notifications: false,
      webhooks: { allowedNetworks: [] },
      logLevel: 'info',
      mail: { publicUrl: 'http://localhost:3000' },
      verifiedEmailRequired: false,
      secondFactors: {
        serviceName: 'MicroPay',
        passkeys: { rpId: 'localhost', origins: ['http://localhost:3000'] },
      },
    });
  });

  it('the environment sets the rate limits, of which those of sign-ins cannot be turned off', () => {
    const limits = { USER_WRITES_PER_MINUTE: '120', KEY_READS_PER_MINUTE: '6000', SIGN_INS_PER_MINUTE: '5' };
    expect(readConfig({ DATABASE_URL, ...limits }).rateLimits).toEqual({
      ...RATE_LIMITS_DEFAULT,
      userWrites: 120,
      keyReads: 6_000,
      signIns: 5,
    });
    expect(() => readConfig({ DATABASE_URL, SIGN_INS_PER_MINUTE: '0' })).toThrow('must be a whole number from 1');
  });

  it('the environment is read once it is complete', () => {
    const config = readConfig({
      DATABASE_URL,
      PORT: '0',
      HOST: '::1',
      OPERATOR_API_KEY: '0123456789abcdef',
      CORS_ORIGINS: 'https://a.example.com, http://localhost:5173',
      TRUSTED_PROXIES: '2',
      DATA_DIR: '/var/lib/micropay',
    });
    expect(config).toMatchObject({
      port: 0,
      operatorApiKey: '0123456789abcdef',
      corsOrigins: ['https://a.example.com', 'http://localhost:5173'],
      trustedProxies: 2,
      dataDirectory: '/var/lib/micropay',
    });
  });

  it('the environment turns tracing on with the variables of OpenTelemetry', () => {
    const ratio = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' };
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };
    const url = 'http://collector:4318/v1/traces';
    expect(readConfig({ DATABASE_URL, ...endpoint }).tracing).toEqual({
      url,
      serviceName: 'micropay',
      sampler: 'parentbased_always_on',
      ratio: 1,
    });
    expect(readConfig({ DATABASE_URL, ...endpoint, ...ratio }).tracing).toMatchObject({
      sampler: 'parentbased_traceidratio',
      ratio: 0.01,
    });
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example.com/in' };
    expect(readConfig({ DATABASE_URL, ...endpoint, ...own }).tracing?.url).toBe('https://traces.example.com/in');
    expect(readConfig({ DATABASE_URL, ...ratio }).tracing).toBeUndefined();
  });

  it("the environment may hold other variables of OpenTelemetry, which are no slips of the server's", () => {
    const others = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_HEADERS: 'key=secret' };
    expect(readConfig({ DATABASE_URL, ...others }).tracing).toBeUndefined();
  });

  it.each(['Books 2026', 'pgbooks', 'ä'.repeat(31)])('the environment takes the schema %j', (schema) => {
    expect(readConfig({ DATABASE_URL, DATABASE_SCHEMA: schema }).databaseSchema).toBe(schema);
  });

  it.each([
    ['no DATABASE_URL', { DATABASE_URL: '' }, 'DATABASE_URL is missing: set it to postgresql://'],
    [
      'a collector without a scheme',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
      'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL',
    ],
    [
      'a collector with a secret',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:b@c' },
      'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL',
    ],
    [
      'a collector for gRPC',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'grpc://c:4317' },
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be a URL',
    ],
    ['an unknown sampler', { OTEL_TRACES_SAMPLER: 'some' }, 'OTEL_TRACES_SAMPLER must be one of always_on'],
    ['a share above 1', { OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1'],
    ['another scheme', { DATABASE_URL: 'mysql://x' }, 'DATABASE_URL must look like postgresql://'],
    ['a LEDGER of two words', { LEDGER: 'a b' }, 'LEDGER must be a ledger name of 1 to 63 letters'],
    ['a LEDGER that is too long', { LEDGER: 'x'.repeat(64) }, 'LEDGER must be a ledger name'],
    ["PostgreSQL's own schema", { DATABASE_SCHEMA: 'information_schema' }, 'DATABASE_SCHEMA must not be a schema of'],
    ['a schema kept for PostgreSQL', { DATABASE_SCHEMA: 'pg_foo' }, 'DATABASE_SCHEMA must not be a schema of'],
    ['a schema that is too long', { DATABASE_SCHEMA: 'ä'.repeat(32) }, 'DATABASE_SCHEMA must be the name of a schema'],
    ['a PORT that is no number', { PORT: 'http' }, 'PORT must be a whole number from 0 to 65535'],
    ['a PORT that is too large', { PORT: '70000' }, 'PORT '],
    ['a short OPERATOR_API_KEY', { OPERATOR_API_KEY: 'short' }, 'OPERATOR_API_KEY must have at least 16'],
    ['an OPERATOR_API_KEY of two words', { OPERATOR_API_KEY: 'two words 0123456789' }, 'OPERATOR_API_KEY must not'],
    ['an unknown LOG_LEVEL', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL '],
    ['any origin', { CORS_ORIGINS: '*' }, 'CORS_ORIGINS must be origins'],
    ['an origin of another scheme', { CORS_ORIGINS: 'ftp://a.example.com' }, 'CORS_ORIGINS must be origins'],
    ['an origin with a path', { CORS_ORIGINS: 'https://a.example.com/app' }, 'CORS_ORIGINS must be origins'],
    ['a broker without a port', { KAFKA_BROKERS: 'kafka-1,kafka-2:9092' }, 'KAFKA_BROKERS must be host:port'],
    ['a broker that is a URL', { KAFKA_BROKERS: 'https://kafka:9092' }, 'KAFKA_BROKERS must be host:port'],
    ['a broker with an IPv6 address', { KAFKA_BROKERS: '[::1]:9092' }, 'an IPv6 address needs a host name'],
    ['a broker with a port too high', { KAFKA_BROKERS: 'kafka:65536' }, 'a port is 1 to 65535'],
    ['a broker with port 0', { KAFKA_BROKERS: 'kafka:0' }, 'a port is 1 to 65535'],
    [
      'commands from events',
      { KAFKA_COMMANDS_TOPIC: 'micropay.users' },
      'KAFKA_COMMANDS_TOPIC must not be an event topic',
    ],
    [
      'commands from events of another prefix',
      { KAFKA_TOPIC_PREFIX: 'pay', KAFKA_COMMANDS_TOPIC: 'pay.transfers' },
      'KAFKA_COMMANDS_TOPIC must not be an event topic',
    ],
    [
      'commands from a topic that an application may write events to',
      { KAFKA_COMMANDS_TOPIC: 'micropay_orders' },
      'KAFKA_COMMANDS_TOPIC must not be an event topic, as "micropay.NAME" is',
    ],
    ['commands from dead letters', { KAFKA_COMMANDS_TOPIC: 'c.dead-letters' }, 'KAFKA_COMMANDS_TOPIC must not end in'],
    [
      'a prefix that is no name of a topic',
      { KAFKA_TOPIC_PREFIX: 'a b' },
      'KAFKA_TOPIC_PREFIX must contain only letters',
    ],
    ['no partitions', { KAFKA_PARTITIONS: '0' }, 'KAFKA_PARTITIONS '],
    ['half a login', { KAFKA_SASL_USERNAME: 'app' }, 'KAFKA_SASL_MECHANISM is missing: SASL needs'],
    ['an unknown mechanism', { KAFKA_SASL_MECHANISM: 'gssapi' }, 'KAFKA_SASL_MECHANISM must be one of plain, '],
    ['a switch that is neither', { KAFKA_TLS: 'yes' }, 'KAFKA_TLS must be "on" or "off"'],
    ['a MIGRATE that is neither', { MIGRATE: 'no' }, 'MIGRATE must be "on" or "off"'],
    ['a relay that is neither', { RELAY: 'no' }, 'RELAY must be "on" or "off"'],
    ['a negative number of proxies', { TRUSTED_PROXIES: '-1' }, 'TRUSTED_PROXIES '],
  ])('the environment is refused with %s, by the name of the variable', (_name, change, message) => {
    expect(() => readConfig({ DATABASE_URL, ...change })).toThrow(message);
  });
});

describe('a variable that is nearly ours', () => {
  it.each([
    ['TRUSTED_PROXY', 'TRUSTED_PROXIES'],
    ['TRUSTED_PROXYS', 'TRUSTED_PROXIES'],
    ['trusted_proxies', 'TRUSTED_PROXIES'],
    ['MICROPAY_TRUSTED_PROXIES', 'TRUSTED_PROXIES'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['OPERATOR_APIKEY', 'OPERATOR_API_KEY'],
    ['LEDGERS', 'LEDGER'],
    ['port', 'PORT'],
  ])('a variable that is nearly ours is refused, with the name that was meant: %s', (slip, meant) => {
    expect(() => readConfig({ DATABASE_URL, [slip]: '1' })).toThrow(
      `${slip} is not a setting: did you mean ${meant}? If ${slip} belongs to another program, set ${meant} as well`,
    );
  });

  it('a variable that is nearly ours is found before the database is named, unless an option names it', () => {
    const environment = { DATABSE_URL: DATABASE_URL };
    expect(() => checkVariableNames(environment, {})).toThrow(
      'DATABSE_URL is not a setting: did you mean DATABASE_URL?',
    );
    expect(() => checkVariableNames(environment, { DATABASE_URL })).not.toThrow();
    expect(() => checkVariableNames({}, {})).not.toThrow();
  });

  it('a variable that is nearly ours is let be when ours is set too, or when it is set to nothing', () => {
    expect(readConfig({ DATABASE_URL, KAFKA_BROKER: 'x', KAFKA_BROKERS: 'kafka:9092' }).kafka).toBeDefined();
    expect(readConfig({ DATABASE_URL, TRUSTED_PROXY: '' }).trustedProxies).toBe(0);
  });

  it.each([
    ...['HOME', 'HOSTNAME', 'PWD', 'PATH', 'SORT', 'DELAY', 'PGPORT', 'PGDATABASE', 'DATABASE_NAME', 'DATABASE_HOST'],
    ...[
      'KAFKA_SERVICE_HOST',
      'KAFKA_PORT',
      'LOG_FORMAT',
      'LEDGER_PORT',
      'npm_package_name',
      'NODE_ENV',
      'XDG_DATA_DIRS',
    ],
  ])('a variable that is nearly ours is not %s', (name) => {
    expect(readConfig({ DATABASE_URL, [name]: 'x' }).port).toBe(3000);
  });
});

describe('a variable of another command or program', () => {
  it('a slip is refused by commands that do not read the variable that was meant', () => {
    for (const slip of ['KAFKA_BROKER', 'MICROPAY_PORT', 'LOG_LEVELS']) {
      expect(() => readDatabaseSettings({}, { DATABASE_URL, [slip]: '1' })).toThrow(
        `${slip} is not a setting: did you mean`,
      );
    }
  });

  it('a value that only another command reads is not judged', () => {
    expect(readDatabaseSettings({}, { DATABASE_URL, PORT: 'http' }).ledger).toBe('main');
  });

  it('a variable with the prefix MICROPAY_ that no command reads is named', () => {
    const environment = { DATABASE_URL, MICROPAY_COLOUR: 'x', micropay_colour: 'x', MICROPAY_EMPTY: '' };
    expect(unknownVariables(environment)).toEqual(['MICROPAY_COLOUR', 'micropay_colour']);
    expect(readConfig(environment).port).toBe(3000);
  });

  it('the variables by which Kubernetes describes a service called micropay are no slips', () => {
    const environment = {
      DATABASE_URL,
      MICROPAY_PORT: 'tcp://10.96.0.7:3000',
      MICROPAY_PORT_3000_TCP: 'tcp://10.96.0.7:3000',
      MICROPAY_PORT_3000_TCP_ADDR: '10.96.0.7',
      MICROPAY_PORT_3000_TCP_PROTO: 'tcp',
      MICROPAY_SERVICE_HOST: '10.96.0.7',
      MICROPAY_SERVICE_PORT: '3000',
      MICROPAY_SERVICE_PORT_HTTP: '3000',
    };
    expect(readConfig(environment).port).toBe(3000);
    expect(unknownVariables(environment)).toEqual([]);
  });
});

describe('the settings of mails', () => {
  const SMTP = {
    DATABASE_URL,
    SMTP_URL: 'smtp://user:S3cret@smtp.example.com:587',
    MAIL_FROM: 'Example <no-reply@example.com>',
    PUBLIC_URL: 'https://app.example.com/',
  };

  it('mails go by SMTP with TLS when a mail server is named', () => {
    expect(readConfig(SMTP).mail).toEqual({
      smtp: { url: SMTP.SMTP_URL, tls: true, from: SMTP.MAIL_FROM },
      publicUrl: 'https://app.example.com',
    });
    expect(readConfig({ ...SMTP, SMTP_TLS: 'off' }).mail?.smtp?.tls).toBe(false);
  });

  it('mails go to the log without a mail server, and nowhere in production', () => {
    expect(readConfig({ DATABASE_URL }).mail).toEqual({ publicUrl: 'http://localhost:3000' });
    expect(readConfig({ DATABASE_URL, NODE_ENV: 'production' }).mail).toBeUndefined();
    expect(readConfig({ ...SMTP, NODE_ENV: 'production' }).mail?.smtp).toBeDefined();
  });

  it('emails are to be confirmed where a mail server is named, unless the setting says otherwise', () => {
    const required = (changes: NodeJS.ProcessEnv) => readConfig({ ...SMTP, ...changes }).verifiedEmailRequired;
    expect([required({}), required({ EMAIL_VERIFICATION: 'optional' })]).toEqual([true, false]);
    const toLog = { SMTP_URL: '', EMAIL_VERIFICATION: 'required' };
    expect([required({ SMTP_URL: '' }), required(toLog)]).toEqual([false, true]);
  });

  it('the login of the mail server is not logged', () => {
    expect(JSON.stringify(redactConfig(readConfig(SMTP)))).not.toMatch(/S3cret|user:S/);
  });

  it.each([
    ['a mail server without a sender', { MAIL_FROM: '' }, 'MAIL_FROM is missing'],
    ['a mail server without a place for links', { PUBLIC_URL: '' }, 'PUBLIC_URL is missing'],
    ['a mail server over http', { SMTP_URL: 'http://smtp.example.com' }, 'SMTP_URL must look like'],
    ['options in the URL of the mail server', { SMTP_URL: 'smtp://a?secure=false' }, 'SMTP_URL must look like'],
    ['a password that is not encoded', { SMTP_URL: 'smtp://u:%@a' }, 'SMTP_URL must look like'],
    [
      'confirmed emails where no mail is sent',
      { SMTP_URL: '', NODE_ENV: 'production', EMAIL_VERIFICATION: 'required' },
      'EMAIL_VERIFICATION must not be "required"',
    ],
    ['two senders', { MAIL_FROM: 'a@example.com, b@example.com' }, 'MAIL_FROM must be an email'],
    ['a sender with a line break', { MAIL_FROM: 'A\nBcc: b <a@example.com>' }, 'MAIL_FROM must be an email'],
    ['a place for links that has a query', { PUBLIC_URL: 'https://a.example.com/?x' }, 'PUBLIC_URL must be a URL'],
  ])('%s is refused', (_name, changes, message) => {
    expect(() => readConfig({ ...SMTP, ...changes })).toThrow(message);
  });
});

describe('the settings of signing in', () => {
  const OIDC = { DATABASE_URL, AUTH_MODE: 'both', OIDC_ISSUER: 'https://login.example.com/', OIDC_AUDIENCE: 'pay' };

  it('users sign in with passwords, unless the settings say otherwise', () => {
    expect(readConfig({ DATABASE_URL }).oidc).toBeUndefined();
    expect(readConfig({ ...OIDC, AUTH_MODE: 'local' }).oidc).toBeUndefined();
    expect(readConfig(OIDC).oidc).toEqual({
      mode: 'both',
      issuer: 'https://login.example.com/',
      audience: 'pay',
      tokenType: 'at+jwt',
      userClaim: 'sub',
    });
    const claims = { OIDC_ROLE_CLAIM: 'realm_access.roles', OIDC_LEDGER_CLAIM: 'https://example.com/ledger' };
    expect(readConfig({ ...OIDC, ...claims, AUTH_MODE: 'oidc' }).oidc).toMatchObject({
      mode: 'oidc',
      roleClaim: 'realm_access.roles',
      ledgerClaim: 'https://example.com/ledger',
    });
  });

  it.each([
    ['a way that there is not', { AUTH_MODE: 'saml' }, 'AUTH_MODE must be one of local, oidc, both'],
    ['no issuer', { OIDC_ISSUER: '' }, 'OIDC_ISSUER is missing: AUTH_MODE=both needs it'],
    ['no audience', { OIDC_AUDIENCE: '' }, 'OIDC_AUDIENCE is missing: AUTH_MODE=both needs it'],
    ['an issuer over http', { OIDC_ISSUER: 'http://login.example.com' }, 'OIDC_ISSUER must be a URL of https'],
    ['an issuer with a query', { OIDC_ISSUER: 'https://login.example.com/?a' }, 'OIDC_ISSUER must be a URL of https'],
    [
      'itself for an issuer',
      { TOKEN_ISSUER: OIDC.OIDC_ISSUER },
      'OIDC_ISSUER must be another issuer than TOKEN_ISSUER',
    ],
    ['a claim with a space', { OIDC_USER_CLAIM: 'a b' }, 'OIDC_USER_CLAIM must be the name of a claim'],
    ['a type of no token', { OIDC_TOKEN_TYPE: 'jwt' }, 'OIDC_TOKEN_TYPE must be one of at+jwt, JWT'],
  ])('%s is refused for signing in', (_name, changes, message) => {
    expect(() => readConfig({ ...OIDC, ...changes })).toThrow(message);
  });

  it('an issuer on this machine may do without TLS', () => {
    for (const OIDC_ISSUER of ['http://localhost:8080/realms/pay', 'http://127.0.0.1:1', 'http://[::1]:1']) {
      expect(readConfig({ ...OIDC, OIDC_ISSUER }).oidc?.issuer).toBe(OIDC_ISSUER);
    }
  });
});

describe('the reference of the settings', () => {
  const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
  const STALE = 'it is stale: run "npm run configuration" in packages/server';

  it('.env.example and the reference page are those of the schemas, and name each variable', () => {
    expect(read('.env.example'), STALE).toBe(environmentExample());
    expect(read('docs/reference/configuration.md'), STALE).toBe(configurationReference());
    for (const name of VARIABLES) {
      expect(configurationReference()).toContain(`| \`${name}\` |`);
      expect(environmentExample()).toMatch(new RegExp(`^#?${name}=`, 'm'));
    }
  });

  it('.env.example is accepted as it is, and with every setting in it set', () => {
    const example = environmentExample();
    expect(readConfig(parseEnv(example) as Record<string, string>)).toEqual(
      readConfig({ DATABASE_URL: 'postgresql://user:password@localhost:5432/money' }),
    );
    const all = parseEnv(example.replaceAll(/^#([A-Z_]+=)/gm, '$1')) as Record<string, string>;
    expect(Object.keys(all).toSorted()).toEqual(VARIABLES.toSorted());
    expect(readConfig(all)).toMatchObject({ port: 3000, kafka: { replicationFactor: 3 } });
  });
});

it('says in its own words what is wrong, whatever it is', () => {
  for (const name of VARIABLES) {
    for (const value of ['\u0000', ' ', '-1', '0x1', 'x'.repeat(1_000), '9'.repeat(40), '{}', ',', '..']) {
      try {
        readConfig({ DATABASE_URL, [name]: value });
      } catch (error) {
        expect((error as Error).message).toMatch(/^[A-Z_]+ (?:is|must|has) /);
        expect((error as Error).message).not.toMatch(VALIDATOR_WORDS);
      }
    }
  }
});

it.each(['0x10', '1e3', ' 5', '5 ', '+5', '5.0', '\u0665', '-0', '007'])(
  'takes no number that is written "%s"',
  (text) => {
    for (const name of ['PORT', 'TRUSTED_PROXIES', 'KAFKA_PARTITIONS', 'KAFKA_REPLICATION_FACTOR']) {
      expect(() => readConfig({ DATABASE_URL, [name]: text })).toThrow(`${name} must be a whole number from `);
    }
  },
);

describe('Kafka', () => {
  const BROKERS = { DATABASE_URL, KAFKA_BROKERS: 'kafka-1:9093, 10.0.0.2:65535' };
  const SASL = { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'app', KAFKA_SASL_PASSWORD: 'S3cret' };

  it('Kafka needs no more than its brokers', () => {
    expect(readConfig(BROKERS).kafka).toEqual({
      brokers: ['kafka-1:9093', '10.0.0.2:65535'],
      topicPrefix: 'micropay',
      partitions: 6,
      tls: false,
      relayInServer: true,
    });
  });

  it('Kafka is reached as its variables say, and its password is shown to nobody', () => {
    const config = readConfig({
      ...BROKERS,
      ...SASL,
      KAFKA_TLS: 'on',
      KAFKA_TOPIC_PREFIX: 'pay.live',
      KAFKA_PARTITIONS: '12',
      KAFKA_REPLICATION_FACTOR: '3',
      RELAY: 'off',
    });
    expect(config.kafka).toMatchObject({
      topicPrefix: 'pay.live',
      partitions: 12,
      replicationFactor: 3,
      tls: true,
      sasl: { mechanism: 'scram-sha-512', username: 'app', password: 'S3cret' },
      relayInServer: false,
    });
    const text = JSON.stringify(redactConfig(config));
    expect(text).toContain('"username":"app"');
    expect(text).not.toContain('S3cret');
  });
});

it('takes origins as browsers write them', () => {
  const { corsOrigins } = readConfig({
    DATABASE_URL,
    CORS_ORIGINS: 'https://App.example.com/,http://b.example.com:80',
  });
  expect(corsOrigins).toEqual(['https://app.example.com', 'http://b.example.com']);
});

it.each([
  'postgres://app:S3cret/Pass@127.0.0.1:5432/db',
  'postgres://app:12/S3cret@127.0.0.1:5432/db',
  'postgres://app:12#S3cret@127.0.0.1:5432/db',
  'postgres://app:12?S3cret@127.0.0.1:5432/db',
  'postgres://app:S3cret%Pass@127.0.0.1:5432/db',
  'postgres://app:S3cret%ff@127.0.0.1:5432/db',
  'postgres://app:S3cret@127.0.0.1:five/db',
])('refuses %s without a word of it, and says what to do', (url) => {
  const read = () => readConfig({ DATABASE_URL: url });
  expect(read).toThrow(/^DATABASE_URL is not a URL: percent-encode special characters of the password/);
  expect(read).not.toThrow(/S3cret/);
});

it.each(['postgres://app:a%2Fb%25c@db/money', 'postgres:///money?host=/run/postgresql', 'postgres://u:p@[::1]/x'])(
  'takes %s',
  (url) => {
    expect(readConfig({ DATABASE_URL: url }).databaseUrl).toBe(url);
  },
);

it('shows no secret when it is logged', () => {
  const text = JSON.stringify(redactConfig(readConfig({ DATABASE_URL, OPERATOR_API_KEY: '0123456789abcdef' })));
  expect(text).toContain('postgres://user:[redacted]@db.example.com:5432/money');
  expect(text).not.toContain('secret');
  expect(text).not.toContain('0123456789abcdef');
});

describe('the name of the service', () => {
  it('the name of the service is shown by authenticator apps', () => {
    expect(readConfig({ DATABASE_URL, SERVICE_NAME: 'Example Pay' }).secondFactors?.serviceName).toBe('Example Pay');
  });

  it.each(['Example: Pay', 'x'.repeat(61), 'Example\nPay'])('the name of the service is not %j', (SERVICE_NAME) => {
    expect(() => readConfig({ DATABASE_URL, SERVICE_NAME })).toThrow(
      'SERVICE_NAME must be a name of 1 to 60 characters, without a colon',
    );
  });
});

describe('passkeys', () => {
  const passkeys = (environment: NodeJS.ProcessEnv) =>
    readConfig({ DATABASE_URL, ...environment }).secondFactors?.passkeys;
  const hash = 'android:apk-key-hash:0123456789012345678901234567890123456789012';

  it.each([
    [{ PUBLIC_URL: 'https://app.example.com/pay' }, 'app.example.com', ['https://app.example.com']],
    [
      { PUBLIC_URL: 'https://app.example.com', PASSKEY_RP_ID: 'example.com' },
      'example.com',
      ['https://app.example.com'],
    ],
    [{ PASSKEY_ORIGINS: `https://example.com,${hash}` }, 'example.com', ['https://example.com', hash]],
    [
      { PASSKEY_ORIGINS: 'https://a.example.com, https://b.example.com', PASSKEY_RP_ID: 'example.com' },
      'example.com',
      ['https://a.example.com', 'https://b.example.com'],
    ],
    [{ PASSKEY_ORIGINS: 'http://localhost:5173' }, 'localhost', ['http://localhost:5173']],
  ])('passkeys of %j', (environment, rpId, origins) => {
    expect(passkeys(environment)).toEqual({ rpId, origins });
  });

  it.each(['http://127.0.0.1:3000', 'http://app.example.com', 'https://10.0.0.1'])(
    'passkeys are off with an application at %s, for which browsers have none',
    (PUBLIC_URL) => {
      expect(passkeys({ PUBLIC_URL })).toBeUndefined();
    },
  );

  it.each([
    [{ PASSKEY_ORIGINS: 'http://app.example.com' }, 'PASSKEY_ORIGINS'],
    [{ PASSKEY_ORIGINS: 'https://app.example.com/' }, 'PASSKEY_ORIGINS'],
    [{ PASSKEY_ORIGINS: 'https://192.0.2.1' }, 'PASSKEY_ORIGINS'],
    [{ PASSKEY_ORIGINS: 'https://a.example.com,https://b.example.com' }, 'PASSKEY_ORIGINS'],
    [{ PASSKEY_ORIGINS: hash }, 'PASSKEY_ORIGINS'],
    [{ PASSKEY_RP_ID: 'com', PUBLIC_URL: 'https://example.com' }, 'PASSKEY_RP_ID'],
    [{ PASSKEY_RP_ID: 'https://example.com', PUBLIC_URL: 'https://example.com' }, 'PASSKEY_RP_ID'],
    [{ PASSKEY_RP_ID: 'ample.com', PUBLIC_URL: 'https://example.com' }, 'PASSKEY_RP_ID'],
    [{ PASSKEY_RP_ID: 'app.example.com', PUBLIC_URL: 'https://example.com' }, 'PASSKEY_RP_ID'],
    [{ PASSKEY_RP_ID: 'example.com' }, 'PASSKEY_RP_ID'],
  ])('passkeys are refused at the start with %j', (environment, name) => {
    expect(() => passkeys(environment)).toThrow(`${name} must`);
  });
});
