import { createRequire } from 'node:module';

import type { Agent } from 'undici';

/**
 * The one part of undici that is used. Its index also loads fetch, WebSockets, caches and mocks: 15 MB of a process, and a tenth of
 * a second at each start.
 */
const UndiciAgent = createRequire(import.meta.url)('undici/lib/dispatcher/agent.js') as typeof Agent;

export const openAgent = (options: Agent.Options): Agent => new UndiciAgent(options);
