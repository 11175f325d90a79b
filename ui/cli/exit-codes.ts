/** Exit codes of opq-updater; which error has which is in protocol/errors.ts. */
export const exitCodes = {
  0: 'done, or nothing to do',
  1: 'something unexpected',
  2: 'the command line or the configuration is wrong',
  3: 'the update server is unreachable or answers nonsense',
  4: 'not trusted: key, signature, archive, version or hardware',
  5: 'not now: something holds the update back, or a person cancelled it',
  6: 'the update failed; the box was put back',
  7: 'the daemon does not answer',
  8: 'not permitted for this user',
  9: 'installed, but not yet rebooted and confirmed',
} as const;
