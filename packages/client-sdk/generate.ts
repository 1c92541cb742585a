// Writes src/generated/api.ts from the server's openapi.json; with --check it only says whether the committed one is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTypescript, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import ts from 'typescript';

const document = new URL('../server/openapi.json', import.meta.url);
const file = new URL('./src/generated/api.ts', import.meta.url);

const nodes = await openapiTypescript(document, {
  // A type that names itself within an interface does not compile, and a caller's own JSON is theirs to know.
  transform: (_, { path }) =>
    path === '#/components/schemas/JsonValue'
      ? ts.factory.createKeywordTypeNode(ts.SyntaxKind.UnknownKeyword)
      : undefined,
});
const text = `${COMMENT_HEADER}${astToString(nodes)}`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('src/generated/api.ts is stale: run "npm run generate" in packages/client-sdk and commit it.');
  process.exitCode = 1;
}
