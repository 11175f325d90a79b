import { loginOf } from '../protocol/address.ts';
import type { Config } from '../protocol/config-keys.ts';
import type { Network } from './channel/http.ts';
import type { Places } from './places.ts';
import { userAgent } from './updater-version.ts';

/**
 * How servers are reached, as configured.
 * @param url the server that is asked, by its address with name and password
 */
export const networkOf = (config: Config, places: Places, url = config.server_url): Network => ({
  caPath: config.server_ca_path && places.at(config.server_ca_path),
  proxyUrl: config.proxy_url,
  login: url === null ? undefined : loginOf(url),
  userAgent,
});
