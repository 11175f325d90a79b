import { mergeConfig } from 'vitest/config';
import usual from './vitest.config.ts';

/** The attacks alone, with those that only take time: `npm run test:hostile`. */
export default mergeConfig(usual, { test: { include: ['test/hostile/*.long.ts'] } });
