// Writes the configuration reference and .env.example from the schemas of the variables; a unit test refuses stale ones.
import { writeFileSync } from 'node:fs';
import { configurationReference, environmentExample } from './configuration-reference.js';

const root = new URL('../../', import.meta.url);
writeFileSync(new URL('docs/reference/configuration.md', root), configurationReference());
writeFileSync(new URL('.env.example', root), environmentExample());
