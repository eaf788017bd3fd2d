// The manifests' and compose.yaml's own configuration, mounts, secrets and probes with four real validators, in network namespaces and
// without an engine (container.sh); a real Prometheus reads them, and answers every query of the dashboards.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import YAML from 'yaml';
import { cache, deploy, ensure, must, read, root, run, same, skip, test } from './lib.mjs';
import { compose } from './compose.mjs';
import { families, missing, queries } from './dashboards.mjs';
import { plain } from './kubernetes.mjs';

const binary = process.env.VALIDATOR ?? path.join(root, 'artifacts/validator');
const user = 65532;
const found = kind => plain.find(object => object.kind === kind);
const quiet = (program, ...args) => spawnSync(program, args, { stdio: 'ignore' });

/** Hosts on one bridge, each a network namespace. */
class Net {
  constructor(names) {
    this.tag = `dt${process.pid % 10000}`;
    this.at = fs.mkdtempSync(path.join(os.tmpdir(), 'live-'));
    this.running = [];
    this.switch = `${this.tag}-sw`;
    this.names = Object.fromEntries([...names, 'watch'].map((name, number) => [name, { space: `${this.tag}-${number}`, ip: `10.213.0.${10 + number}` }]));
  }

  open() {
    must('ip', ['netns', 'add', this.switch]);
    must('ip', ['-n', this.switch, 'link', 'add', 'br0', 'type', 'bridge']);
    must('ip', ['-n', this.switch, 'link', 'set', 'br0', 'up']);
    Object.values(this.names).forEach(({ space, ip }, number) => {
      must('ip', ['netns', 'add', space]);
      must('ip', ['-n', this.switch, 'link', 'add', `v${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space]);
      must('ip', ['-n', this.switch, 'link', 'set', `v${number}`, 'master', 'br0', 'up']);
      must('ip', ['-n', space, 'addr', 'add', `${ip}/24`, 'dev', 'eth0']);
      ['lo', 'eth0'].forEach(link => must('ip', ['-n', space, 'link', 'set', link, 'up']));
    });
  }

  hosts(suffix = '') {
    const file = path.join(this.at, 'hosts');
    fs.writeFileSync(file, `127.0.0.1 localhost\n${Object.entries(this.names).map(([name, { ip }]) => `${ip} ${name}${suffix} ${name}\n`).join('')}`);
    return file;
  }

  /** Starts a container; exec runs the binary in it. */
  start(name, { mounts, env, args, hosts }) {
    const inside = path.join(this.at, name);
    fs.mkdirSync(inside);
    const list = `${inside}.mounts`;
    fs.writeFileSync(list, mounts.map(([source, target, mode]) => `${source} ${target} ${mode}\n`).join(''));
    const log = fs.openSync(`${inside}.log`, 'a');
    const child = spawn(path.join(cache, 'checks/container.sh'), [this.names[name].space, inside, binary, hosts, list, ...args],
      { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', log, log] });
    this.running.push(child);
    return {
      child,
      log: () => fs.readFileSync(`${inside}.log`, 'utf8'),
      ended: new Promise(resolve => child.on('exit', resolve)),
      exec: (...command) => {
        const [pid] = run('pgrep', ['-P', String(child.pid)]).out.trim().split('\n');
        return run('nsenter', ['-t', pid || '0', '-m', '-n', '-p', '-r', '-w', '-G', String(user), '-S', String(user), ...command], { env: { ...env, HOME: '/' } });
      },
    };
  }

  spawn(name, program, args, options) {
    const child = spawn('ip', ['netns', 'exec', this.names[name].space, program, ...args], { stdio: 'ignore', ...options });
    this.running.push(child);
  }

  async close() {
    for (const child of this.running.filter(one => one.exitCode === null && one.signalCode === null)) {
      const over = new Promise(resolve => child.once('exit', resolve));
      end(child);
      await over;
    }
    Object.values(this.names).forEach(({ space }) => quiet('ip', 'netns', 'del', space));
    quiet('ip', 'netns', 'del', this.switch);
    fs.rmSync(this.at, { recursive: true, force: true });
  }
}

/** Kills what runs under unshare: the first process of its namespace, with which all of it ends. */
function end(child) {
  const inner = run('pgrep', ['-P', String(child.pid)]).out.trim();
  process.kill(Number(inner || child.pid), 'SIGKILL');
}

/** A Secret's volume as the kubelet lays it out: links to a folder behind ..data, files root:fsGroup with the group's bits added. */
function secretVolume(at, files, mode, group) {
  const data = path.join(at, '..2026');
  fs.mkdirSync(data, { recursive: true, mode: 0o755 });
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(data, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    fs.chownSync(file, 0, group);
    fs.chmodSync(file, mode | 0o440);
    const [first] = name.split('/');
    if (!fs.existsSync(path.join(at, first))) fs.symlinkSync(path.join('..data', first), path.join(at, first));
    if (!fs.existsSync(path.join(at, '..data'))) fs.symlinkSync('..2026', path.join(at, '..data'));
  }
}

async function until(what, seconds, body) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(500)) if (body()) return;
  throw new Error(`not in ${seconds} s: ${what()}`);
}

/** Prometheus in the watcher's namespace; asks it until all four are up. */
async function prometheus(net, config, folder, hosts) {
  fs.writeFileSync(path.join(folder, 'prometheus.yml'), config);
  const command = `mount --bind ${hosts} /etc/hosts && exec prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address=127.0.0.1:9090 >prometheus.log 2>&1`;
  net.spawn('watch', 'unshare', ['--mount', 'sh', '-c', command], { cwd: folder });
  const ask = query => {
    const done = run('ip', ['netns', 'exec', net.names.watch.space, 'promtool', 'query', 'instant', '-o', 'json', 'http://127.0.0.1:9090', query], { timeout: 30000 });
    return done.code === 0 ? JSON.parse(done.out) : done.err;
  };
  await until(() => fs.readFileSync(path.join(folder, 'prometheus.log'), 'utf8').slice(-2000), 90, () => ask('sum(up)')[0]?.value?.[1] === '4');
  return ask;
}

function pod(net, input, ordinal, hosts) {
  const { spec } = found('StatefulSet').spec.template;
  const [container] = spec.containers;
  const name = `validator-${ordinal}`;
  const given = {
    'validator-keys': key => read0(input, 'keys', ...key.match(/^(validator-\d)\.(.*)$/).slice(1)),
    'validator-tokens': () => read0(input, 'tokens'),
    'validator-tls': key => read0(input, key),
  };
  const at = path.join(net.at, `${name}.volumes`);
  for (const volume of spec.volumes) {
    const folder = path.join(at, volume.name);
    if (volume.secret) {
      const names = { 'validator-tokens': ['tokens'], 'validator-tls': ['tls.crt', 'tls.key'] }[volume.secret.secretName]?.map(key => ({ key, path: key }));
      const items = volume.secret.items ?? names;
      secretVolume(folder, Object.fromEntries(items.map(item => [item.path, given[volume.secret.secretName](item.key)])),
        volume.secret.defaultMode, spec.securityContext.fsGroup);
    } else {
      const map = plain.find(object => object.kind === 'ConfigMap' && object.metadata.name === volume.configMap.name);
      secretVolume(folder, map ? map.data : { 'genesis.json': read0(input, 'genesis.json') }, 0o644, spec.securityContext.fsGroup);
    }
  }
  // A new volume belongs to root; fsGroup makes it the group's.
  const data = path.join(at, 'data');
  fs.mkdirSync(data, { recursive: true });
  fs.chownSync(data, 0, spec.securityContext.fsGroup);
  fs.chmodSync(data, 0o2775);
  const mounts = container.volumeMounts.map(mount => {
    const source = path.join(at, mount.name, (mount.subPathExpr ?? '').replace('$(VALIDATOR_NODE__ID)', name));
    return [fs.realpathSync(source), mount.mountPath, mount.readOnly ? 'ro' : 'rw'];
  });
  const job = found('Job').spec.template.spec.containers[0];
  const start = args => net.start(name, { mounts, env: { VALIDATOR_NODE__ID: name }, args, hosts });
  return { name, start, run: container.args, first: job.args, probes: container, data };
}

const read0 = (...parts) => fs.readFileSync(path.join(...parts), 'utf8');

export default async function checks() {
  const names = ['validators run with the keys, mounts and probes of the manifests, a real Prometheus reads them, and every query has its metric',
    'validators run with the mounts of compose.yaml, and prometheus.yml reads them'];
  const why = process.getuid() !== 0 ? 'needs root' : !fs.existsSync(binary) ? `no ${binary}: make publish` : null;
  if (why || quiet('ip', 'netns', 'add', 'dt-probe').status !== 0) {
    names.forEach(name => skip(name, why ?? 'needs network namespaces'));
    return;
  }
  quiet('ip', 'netns', 'del', 'dt-probe');
  await test(names[0], kubernetesLive);
  await test(names[1], composeLive);
}

async function kubernetesLive() {
  const net = new Net([0, 1, 2, 3].map(number => `validator-${number}`));
  try {
    net.open();
    // The document's own commands.
    fs.mkdirSync(path.join(net.at, 'bin'));
    fs.symlinkSync(path.resolve(binary), path.join(net.at, 'bin/validator'));
    const commands = read('docs/DEPLOYMENT.md').match(/\*\*1\. Keys and genesis\*\*[^]*?```text\n([^]*?)```/)[1];
    const env = { ...process.env, PATH: `${net.at}/bin:${process.env.PATH}` };
    must('bash', ['-ec', commands], { cwd: net.at, env });
    const input = path.join(net.at, 'secrets');
    // With trust, so that all that a dashboard may ask for is on the page.
    const account = 'a'.repeat(64);
    const trust = read('docs/TRUST.md').match(/```json\n([^]*?)```/)[1].replaceAll('ACCOUNT', account).replace('node-1', 'validator-1');
    fs.writeFileSync(path.join(net.at, 'trust.json'), process.env.TRUST ?? trust);
    fs.rmSync(path.join(input, 'genesis.json'));
    must('bash', ['-ec', commands.match(/validator genesis build[^]*?(?=\nvalidator token)/)[0] + ' --trust trust.json'], { cwd: net.at, env });
    must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=validator-api',
      '-addext', 'subjectAltName=DNS:validator-api.validator.svc,DNS:localhost,IP:127.0.0.1',
      '-keyout', path.join(input, 'tls.key'), '-out', path.join(input, 'tls.crt')], { stdio: 'ignore' });

    const hosts = net.hosts('.validator-peers');
    const pods = [0, 1, 2, 3].map(number => pod(net, input, number, hosts));
    for (const one of pods) {
      const job = one.start(one.first);
      ensure(await job.ended === 0, `${one.name}: ${one.first.join(' ')}: ${job.log()}`);
      fs.rmSync(path.join(net.at, one.name), { recursive: true });
      const again = one.start(one.first);
      ensure(await again.ended !== 0, `${one.name}: a second first start was let through`);
      fs.rmSync(path.join(net.at, one.name), { recursive: true });
    }
    const live = pods.map(one => one.start(one.run));
    const probe = (number, which) => live[number].exec(...pods[number].probes[which].exec.command);
    await until(() => `ready: ${JSON.stringify(probe(0, 'readinessProbe'))}${live[0].log().slice(-3000)}`, 120,
      () => [0, 1, 2, 3].every(number => probe(number, 'readinessProbe').code === 0));
    ensure(probe(2, 'livenessProbe').code === 0 && probe(2, 'startupProbe').code === 0, 'healthy');
    // Of all keys it sees its own, and it can write nowhere but in its data.
    same(fs.readdirSync(path.join(net.at, 'validator-1.volumes/keys/validator-1')).sort(), ['consensus.key', 'transport.key']);
    const said = live[1].exec('/validator', 'submit', 'hello', '--wait', 'finalized', '--config', '/config/node.toml');
    ensure(said.code === 0, said.out + said.err);

    const monitor = found('ServiceMonitor').spec.endpoints[0];
    fs.copyFileSync(path.join(deploy, 'prometheus/alerts.yml'), path.join(net.at, 'alerts.yml'));
    const ask = await prometheus(net, YAML.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['alerts.yml'],
      scrape_configs: [{
        job_name: 'validator', metrics_path: monitor.path, scheme: monitor.scheme,
        tls_config: { ca_file: 'secrets/tls.crt', server_name: monitor.tlsConfig.serverName },
        authorization: { type: monitor.authorization.type, credentials_file: 'secrets/scrape-token' },
        static_configs: pods.map(({ name }) => ({ targets: [`${name}.validator-peers:9090`], labels: { instance: name } })),
      }],
    }), net.at, hosts);
    const page = must('ip', ['netns', 'exec', net.names.watch.space, 'curl', '-sf', '--cacert', path.join(input, 'tls.crt'),
      '--connect-to', `::${net.names['validator-0'].ip}:`, '-H', `Authorization: Bearer ${read0(input, 'scrape-token').trim()}`,
      `https://${monitor.tlsConfig.serverName}:9090/metrics`]);
    same(missing(families(page)), []);
    await sleep(5000);
    const faults = queries.flatMap(({ where, query }) => {
      const answer = ask(query);
      if (!Array.isArray(answer)) return [`${where}: ${answer}`];
      return answer.length > 0 || / > 0$/.test(query) ? [] : [`${where}: no series`];
    });
    same(faults, []);
    same(ask('ALERTS{alertstate="firing",severity="critical"}'), []);
    // Without the group it is refused: the rule that the manifests' fsGroup meets.
    fs.chmodSync(path.join(net.at, 'validator-3.volumes/keys/..2026/validator-3/consensus.key'), 0o444);
    end(live[3].child);
    await live[3].ended;
    fs.rmSync(path.join(net.at, 'validator-3'), { recursive: true, force: true });
    same(await pods[3].start(pods[3].run).ended, 4);
  } finally {
    await net.close();
  }
}

async function composeLive() {
  const services = Object.entries(compose().services).filter(([name]) => name.startsWith('node-'));
  const net = new Net(services.map(([name]) => name));
  try {
    net.open();
    const cluster = path.join(net.at, 'cluster');
    must('bash', [path.join(deploy, 'scripts/compose-init'), path.resolve(binary), cluster]);
    const hosts = net.hosts();
    const live = services.map(([name, service]) => net.start(name, {
      hosts, env: service.environment, args: ['run', '--config', '/config/node.toml'],
      mounts: service.volumes.map(volume => volume.split(':')).map(([source, target, mode]) =>
        [source.startsWith('./cluster') ? path.join(net.at, source) : path.join(deploy, source), target, mode ?? 'rw']),
    }));
    const check = services[0][1].healthcheck.test.slice(1);
    await until(() => live[0].log().slice(-3000), 120, () => live.every(one => one.exec(...check).code === 0
      && one.exec('/validator', 'ready', '--config', '/config/node.toml').code === 0));
    const folder = path.join(net.at, 'prometheus');
    fs.mkdirSync(folder);
    fs.copyFileSync(path.join(cluster, 'prometheus-token'), path.join(folder, 'token'));
    fs.copyFileSync(path.join(deploy, 'prometheus/alerts.yml'), path.join(folder, 'alerts.yml'));
    const ask = await prometheus(net, read('deploy/prometheus/prometheus.yml'), folder, hosts);
    same(ask('sort_desc(cretoai_ready)').map(one => one.metric.instance).sort(), services.map(([name]) => name));
  } finally {
    await net.close();
  }
}
