/**
 * Mutations of the core: one small thing made wrong, as a slip of an editor would, and the tests that have to see it.
 * A new rule in machine, trust, undo, archive or gates gets a row. Run by main.ts, all of them in some minutes.
 */
export interface Mutation {
  readonly area: 'machine' | 'trust' | 'undo' | 'archive' | 'gates';
  readonly file: string;
  /** Is there exactly once. */
  readonly find: string;
  readonly put: string;
  /** Test files, any of which has to fail. */
  readonly tests: readonly string[];
}

const engine = ['test/daemon/engine.test.ts'];
const resume = ['test/daemon/resume.test.ts', 'test/daemon/stuck.test.ts', ...engine];
const health = ['test/daemon/health.test.ts'];
const keyChain = ['test/protocol/key-chain.test.ts', 'test/daemon/key-rollover.test.ts'];
const verify = ['test/daemon/work/verify.test.ts'];
const unpack = ['test/daemon/work/unpack.test.ts'];
const plan = ['test/daemon/box/undo/plan.test.ts', 'test/daemon/box/undo/selective.test.ts'];
const undo = ['test/daemon/undo.test.ts', ...engine];
const guard = ['test/systemd/guard.test.ts'];
const restore = ['test/systemd/restore.test.ts'];
const archive = ['test/protocol/archive.test.ts', 'test/protocol/archive-hostile.test.ts'];
const gates = ['test/daemon/gates/gates.test.ts'];

const rows: Readonly<Record<Mutation['area'], readonly (readonly [string, string, string, readonly string[]])[]>> = {
  machine: [
    ['daemon/machine.ts', "  confirm: 'rollback',\n  undo", "  confirm: 'idle',\n  undo", engine],
    ['daemon/engine.ts', "if (at.step !== 'rollback') throw error;", '', [...engine, 'test/daemon/journal.test.ts']],
    ['daemon/engine.ts', 'if (isUnderWay(at)) return withoutRoom(at, error, tools);', '', engine],
    ['daemon/engine.ts', 'if (await spareIsGiven(entry, tools)) return undefined;', '', engine],
    ['daemon/steps/stop.ts', 'await takeSpare(places);', '', engine],
    ['daemon/writable.ts', ' || libraries.test(path)', '', ['test/daemon/writable.test.ts']],
    ['protocol/unit-name.ts', "!name.startsWith('opq-updater')", 'true || name', ['test/protocol/update-json.test.ts']],
    ['daemon/engine.ts', 'if (tries > maxTries)', 'if (tries > maxTries * 1000)', engine],
    ['daemon/engine.ts', "at.update.id)) ? 'rollback' :", "at.update.id)) ? 'idle' :", engine],
    ['daemon/resume.ts', 'boot.same || at.stuckBoots >= maxStuckBoots', 'boot.same', resume],
    ['daemon/steps/stop.ts', 'if (!onTrial) return at;', 'return at;', resume],
    ['daemon/steps/install.ts', "if (shutdown === 'cut') return", "if (shutdown !== 'cut') return", resume],
    ['daemon/steps/install.ts', 'if (script.exitCode !== 0) {', 'if (script.exitCode === null) {', resume],
    ['daemon/steps/confirm.ts', 'at.cutBoots >= values.trial_boots', 'at.cutBoots > values.trial_boots', resume],
    ['daemon/steps/confirm.ts', 'if (found !== at.update.to) {', 'if (found === undefined) {', engine],
    ['daemon/health.ts', 'if (seen.trouble) stable = undefined;', 'if (seen.failed) stable = undefined;', health],
    ['daemon/health.ts', "gateway && (await box.gateway()) !== 'answers'", "gateway && (await box.gateway()) === 'none'", [...health, ...engine]],
  ],
  trust: [
    ['protocol/signature.ts', 'verify.verify(key.key, signature))[0]', 'verify.verify(key.key, signature) || key)[0]', ['test/protocol/signature.test.ts', ...verify]],
    ['protocol/signature.ts', " || bytes.toString('base64') !== base64", '', ['test/protocol/signature.test.ts']],
    ['daemon/floor.ts', 'update.to >= floor', 'update.to >= floor - 1', ['test/daemon/floor.test.ts']],
    ['daemon/floor.ts', '    await highestConfirmed(places),', '    0,', ['test/daemon/floor.test.ts']],
    ['daemon/quarantine.ts', '.slice(-most)', '.slice(0, most)', ['test/daemon/quarantine.test.ts']],
    ['daemon/steps/verify.ts', 'if (!update.retry) checkQuarantine', 'if (update.retry) checkQuarantine', [...engine]],
    ['protocol/key-chain.ts', 'number === trust.number && previous !== trust.last', 'number < trust.number && previous === trust.last', keyChain],
    ['protocol/key-chain.ts', 'else if (trust.number > 0) throw', 'else if (trust.number > 1) throw', keyChain],
    ['daemon/keys.ts', 'fault === null && retired_by === null', 'fault === null', keyChain],
    ['daemon/package/verify.ts', '  judgeForm();\n  return { sha256', '  return { sha256', verify],
    ['daemon/package/unpack.ts', ' || !staged.isOurs()', '', unpack],
    ['daemon/work/tasks.ts', 'if (pack.sha256 !== job.sha256) {', 'if (pack.sha256 === null) {', unpack],
  ],
  undo: [
    ['daemon/offline-rollback.ts', 'await box.startDaemon(services);', '', ['test/daemon/offline-rollback.test.ts']],
    ['systemd/guard.sh', 'rm -f "$1.new" "$trial/spare"', 'true', guard],
    ['systemd/guard.sh', 'elif ! marked_empty; then', 'else', guard],
    ['daemon/steps/rollback.ts', '!(await box.snapshotIntact(places.trial))', 'at.paths === undefined', [...undo, ...resume]],
    ['daemon/steps/rollback.ts', "  'HEALTH_FAILED',\n", '', [...undo]],
    ['daemon/steps/rollback.ts', 'wasStuck ? places.stuckTrial : places.trial', 'places.trial', resume],
    ['daemon/steps/rollback.ts', '(isLast && (await', '((await', engine],
    ['daemon/box/undo/selective.ts', ' || !isNew(found)))) return false;', '))) return false;', engine],
    ['daemon/updates.ts', 'if (at !== rest || !updates.resting) return;', '', resume],
    ['daemon/stuck-trial.ts', " && stuckBoots < maxStuckBoots", '', resume],
    ['daemon/steps/confirm.ts', '(before.update === at.update.id || isAgain(at.update, before))', 'before.update === at.update.id', ['test/daemon/keep-package.test.ts']],
    ['daemon/steps/confirm.ts', 'from === to && about.sha256 === sha256', 'from === to', ['test/daemon/keep-package.test.ts']],
    ['daemon/steps/confirm.ts', ' && (await reachesAsFar(previous, trial))', '', ['test/daemon/keep-package.test.ts']],
    ['daemon/steps/confirm.ts', 'if (await exists(undoMark(places.trial))) return byPerson(at);', '', ['test/daemon/begun.test.ts']],
    ['daemon/steps/stop.ts', ' || !(await box.snapshotHolds(places.newSnapshot))', '', [...undo]],
    ['daemon/box/undo/plan.ts', 'kept(path) || others ?', 'others ?', plan],
    ['daemon/box/undo/plan.ts', '!found || same(path, now, left)', '!found || !same(path, now, left)', plan],
    ['systemd/guard.sh', '[ "$boots" -le "$limit" ]', '[ "$boots" -lt "$limit" ]', guard],
    ['systemd/guard.sh', '[ "$silent" -gt "$limit" ]', '[ "$silent" -lt "$limit" ]', guard],
    ['systemd/restore.sh', '"$sha256sum" --check --status SHA256SUMS', '"$sha256sum" --status SHA256SUMS >/dev/null', restore],
    ['systemd/restore.sh', 'folder:?}" ||', 'folder:?}/other" ||', restore],
  ],
  archive: [
    ['protocol/archive-names.ts', "if (parts.includes('..'))", "if (parts[0] === '..')", archive],
    ['protocol/archive-names.ts', ' || (layout !== undefined && layout !== found)', '', archive],
    ['protocol/archive-names.ts', 'count >= maxEntries', 'count > maxEntries', archive],
    ['protocol/archive-names.ts', ".toUpperCase().toLowerCase().normalize('NFKC')", '', archive],
    ['protocol/archive.ts', ': (member.mode & 0o755) | 0o600', ': member.mode | 0o600', archive],
    ['protocol/archive.ts', 'pax.sizeBytes !== header.sizeBytes', 'pax.sizeBytes < header.sizeBytes', archive],
    ['protocol/archive.ts', 'if (!isZeroBlock(chunk)) throw', 'if (chunk.length > 1e6) throw', archive],
    ['protocol/archive-content.ts', 'if (version === expectedVersion) return', 'if (version >= expectedVersion) return', archive],
    ['daemon/package/staging.ts', 'if (room >= 0) return;', 'return;', unpack],
    ['daemon/package/staging.ts', 'const umask = process.umask(0);', 'const umask = process.umask();', unpack],
  ],
  gates: [
    ['daemon/gates/gates.ts', "by === 'schedule' ? !overruled", "by === 'schedule' ? !soft", gates],
    ['daemon/gates/gates.ts', "(name === 'quarantine' && retry)", "name === 'quarantine'", gates],
    ['daemon/gates/gates.ts', 'config.values.max_deferral_s * 1000', 'config.values.max_deferral_s', gates],
    ['daemon/gates/gates.ts', "if (yields !== 'time' ||", "if (yields === 'nobody' ||", gates],
    ['daemon/gates/box-rows.ts', '(temperatureC ?? 0) <= limitC', '(temperatureC ?? 0) < limitC + 10', gates],
    ['daemon/gates/time-rows.ts', 'from <= time || time < to', 'from <= time && time < to', gates],
    ['daemon/gates/time-rows.ts', '({ exitCode }) => exitCode !== 0', '({ exitCode }) => exitCode === 1', gates],
    ['daemon/gates/release-rows.ts', 'offer.version >= floor', 'offer.version > floor', gates],
    ['daemon/gates/release-rows.ts', "hardware ?? ''", "hardware ?? offer.hardware[0] ?? ''", gates],
    ['daemon/gates/release-rows.ts', ' + config.values.reserve_bytes', '', gates],
  ],
}; // biome-ignore format: one line a mutation

export const mutations: readonly Mutation[] = Object.entries(rows).flatMap(([area, list]) =>
  list.map(([file, find, put, tests]) => ({ area: area as Mutation['area'], file, find, put, tests })),
);
