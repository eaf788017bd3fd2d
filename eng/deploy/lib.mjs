// What all checks of make deploy-test share: tests that are counted, programs, manifests.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import YAML from 'yaml';

// Seen through the link .cache/deploy/checks.
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const deploy = path.join(root, 'deploy');
export const cache = path.join(root, '.cache/deploy');
export const helm = path.join(cache, 'bin/helm');
export const kubectl = path.join(cache, 'bin/kubectl');
export const read = (...parts) => fs.readFileSync(path.join(root, ...parts), 'utf8');

const counts = { passed: 0, failed: 0, skipped: 0 };
const only = process.env.FILTER ?? '';

/** Runs one test, whose name is a sentence; a fault that it throws fails it. */
export async function test(name, body) {
  if (!name.includes(only)) return;
  try {
    await body();
    counts.passed++;
    console.log(`  passed  ${name}`);
  } catch (fault) {
    counts.failed++;
    console.log(`  FAILED  ${name}\n${String(fault.stack ?? fault).replace(/^/gm, '            ')}`);
  }
}

/** Says of a test that it cannot run here, and why. */
export function skip(name, why) {
  if (!name.includes(only)) return;
  counts.skipped++;
  console.log(`  skipped ${name}: ${why}`);
}

export function close() {
  console.log(`\n${counts.passed} passed, ${counts.failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''}`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

/** Both values, or the first place where they differ. */
export function same(actual, expected, at = '') {
  if (isDeepStrictEqual(actual, expected)) return;
  const both = [actual, expected].every(one => one !== null && typeof one === 'object');
  if (both) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) same(actual[key], expected[key], `${at}/${key}`);
  }
  throw new Error(`${at || '/'}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}

/** Runs a program to its end; { code, out, err }. */
export function run(program, args, options = {}) {
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (done.error) throw done.error;
  return { code: done.status, out: done.stdout, err: done.stderr };
}

export function must(program, args, options) {
  const done = run(program, args, options);
  ensure(done.code === 0, `${path.basename(program)} ${args.join(' ')}: exit code ${done.code}\n${done.out}${done.err}`);
  return done.out;
}

/** Documents of a file in YAML 1.1, as Kubernetes reads them: 0400 is octal. Keys given twice are errors. */
export function documents(text) {
  return YAML.parseAllDocuments(text, { version: '1.1', uniqueKeys: true, merge: true }).map(document => {
    ensure(document.errors.length === 0, String(document.errors[0]));
    return document.toJS();
  }).filter(value => value !== null);
}

export const has = program => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
