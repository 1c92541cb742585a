import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { asBytes, asTexts, textArray } from '../../src/postgres/arrays.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let echo: (type: string, value: unknown) => Promise<unknown>;

beforeAll(async () => {
  const client = await bed.connect();
  echo = async (type, value) =>
    (await client.query(`select $1::${type}[]::text[] as elements`, [value])).rows[0].elements;
});

const orNull = <Element>(arbitrary: fc.Arbitrary<Element>) => fc.array(fc.option(arbitrary), { maxLength: 20 });
const integer = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);

for (const [name, encoding] of Object.entries({ asTexts, asBytes })) {
  it(`sends UUIDs ${name}, with and without dashes`, async () => {
    await fc.assert(
      fc.asyncProperty(orNull(fc.uuid()), fc.boolean(), async (uuids, withDashes) => {
        const sent = withDashes ? uuids : uuids.map((uuid) => uuid?.replaceAll('-', '') ?? null);
        expect(await echo('uuid', encoding.uuids(sent))).toEqual(uuids);
      }),
    );
  });

  it(`sends integers ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(orNull(integer), async (integers) => {
        expect(await echo('bigint', encoding.integers(integers))).toEqual(
          integers.map((value) => value?.toString() ?? null),
        );
      }),
    );
  });
}

it('sends any texts that PostgreSQL can store', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 20 }), async (texts) => {
      const storable = texts.map((text) => text.replaceAll('\0', ''));
      expect(await echo('text', textArray(storable))).toEqual(storable);
    }),
  );
});
