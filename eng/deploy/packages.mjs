// What make deb leaves beside the package: the SBOM against CycloneDX's schema and the locks, the sums against the files.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { ensure, read, root, run, same, test } from './lib.mjs';

const sum = file => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

export default async function packages() {
  const artifacts = path.join(root, 'artifacts');
  const made = run('bash', ['eng/deb.sh'], { cwd: root });
  const named = suffix => fs.readdirSync(artifacts).find(name => name.startsWith('validator_') && name.endsWith(`_amd64.${suffix}`));

  await test('the package comes with sums that hold', () => {
    same(made.code, 0);
    const checked = run('sha256sum', ['--check', '--strict', named('sha256')], { cwd: artifacts });
    ensure(checked.code === 0, checked.out + checked.err);
  });

  await test('the SBOM is CycloneDX, and has what the locks have', async () => {
    const text = fs.readFileSync(path.join(artifacts, named('cdx.json')), 'utf8');
    const faults = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
    ensure(faults === null, JSON.stringify(faults));
    const bom = JSON.parse(text);
    same(bom.metadata.component.hashes[0].content, sum(path.join(artifacts, 'validator')));
    const names = new Set(bom.components.map(component => `${component.name} ${component.version}`));
    const lock = JSON.parse(read('eng/locks/Validator.Host.net10.0.aot.lock.json'));
    for (const target of Object.values(lock.dependencies)) {
      for (const [name, entry] of Object.entries(target)) {
        ensure(entry.type === 'Project' || names.has(`${name} ${entry.resolved}`), `${name} ${entry.resolved} is missing`);
      }
    }
    for (const line of read('.native/origin').split('\n')) {
      const [, name, , version] = line.split(' ');
      ensure(!version || !name.endsWith('-dev') || names.has(`${name} ${version}`), `${name} ${version} is missing`);
    }
  });

  await test('the package made again has the same bytes', () => {
    const before = sum(path.join(artifacts, named('deb')));
    same(run('bash', ['eng/deb.sh'], { cwd: root }).code, 0);
    same(sum(path.join(artifacts, named('deb'))), before);
  });
}
