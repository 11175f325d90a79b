import type { Config } from '../protocol/config-keys.ts';
import type { Network } from './channel/http.ts';
import type { Places } from './places.ts';
import { updaterVersion } from './updater-version.ts';

/** How servers are reached, as configured. */
export const networkOf = (config: Config, places: Places): Network => ({
  caPath: config.server_ca_path && places.at(config.server_ca_path),
  proxyUrl: config.proxy_url,
  userAgent: `opq-updater/${updaterVersion}`,
});
