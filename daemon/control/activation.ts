/** First of the file descriptors that systemd hands on. @see sd_listen_fds(3) */
const firstFd = 3;

/** The sockets that systemd has opened for this process, by the names in their units; none when it did not. */
export function socketsFromSystemd(environment: NodeJS.ProcessEnv, pid: number): Readonly<Record<string, number>> {
  if (Number(environment.LISTEN_PID) !== pid) return {};
  const names = (environment.LISTEN_FDNAMES ?? '').split(':').filter(Boolean);
  return Object.fromEntries(names.map((name, index) => [name, firstFd + index]));
}
