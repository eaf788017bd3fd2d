// deploy/scripts, against the cluster that fake/kubectl models.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cache, deploy, ensure, has, kubectl, must, run, same, skip, test } from './lib.mjs';

const folder = path.join(deploy, 'scripts');
const scripts = fs.readdirSync(folder).sort();
const old = 'images.example/validator:0.1.0';
const next = 'images.example/validator:0.2.0';

/** A cluster, and a folder with what k8s-deploy wants. */
class Cluster {
  constructor(given = {}) {
    this.at = fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-'));
    this.file = path.join(this.at, 'state.json');
    this.input = path.join(this.at, 'input');
    for (let number = 0; number < 4; number++) {
      const keys = path.join(this.input, `keys/validator-${number}`);
      fs.mkdirSync(keys, { recursive: true });
      ['consensus.key', 'transport.key'].forEach(name => fs.writeFileSync(path.join(keys, name), `${name} of ${number}`));
    }
    ['genesis.json', 'tokens', 'scrape-token'].forEach(name => fs.writeFileSync(path.join(this.input, name), `${name}\n`));
    must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=validator-api',
      '-keyout', path.join(this.input, 'tls.key'), '-out', path.join(this.input, 'tls.crt')], { stdio: 'ignore' });
    this.save({ time: 0, fewest: 9, watch: false, badImages: [], lost: [], operator: true, jobsFail: false, objects: {}, calls: [], ...given });
  }

  get state() {
    return JSON.parse(fs.readFileSync(this.file, 'utf8'));
  }

  save(state) {
    fs.writeFileSync(this.file, JSON.stringify(state));
  }

  change(given) {
    this.save({ ...this.state, ...given });
  }

  run(script, ...args) {
    const env = { ...process.env, PATH: `${path.join(cache, 'checks/fake')}:${process.env.PATH}`, FAKE_STATE: this.file, REAL_KUBECTL: kubectl, POLL: '0' };
    const done = run(path.join(folder, script), args, { env });
    ensure(!done.err.includes('fake kubectl:'), done.err);
    return done;
  }

  images() {
    return [0, 1, 2, 3].map(number => this.state.objects[`pod/validator-${number}`]?.spec.containers[0].image);
  }

  partition() {
    return this.state.objects['statefulset/validator'].spec.updateStrategy.rollingUpdate.partition;
  }

  deployed() {
    const done = this.run('k8s-deploy', this.input, '--image', old, '--never-signed');
    ensure(done.code === 0, done.err);
    this.change({ watch: true, fewest: 9, calls: [] });
    return this;
  }
}

export default async function checks() {
  const name = 'shellcheck finds nothing in deploy/scripts';
  if (has('shellcheck')) await test(name, () => must('shellcheck', scripts.map(one => path.join(folder, one))));
  else skip(name, 'no shellcheck on this machine');

  await test('k8s-deploy makes everything, with votes where they never signed, and is done when all are ready', () => {
    const cluster = new Cluster();
    const done = cluster.run('k8s-deploy', cluster.input, '--image', old, '--never-signed');
    ensure(done.code === 0, done.err);
    const { objects } = cluster.state;
    same(cluster.images(), [old, old, old, old]);
    same(Buffer.from(objects['secret/validator-keys'].data['validator-2.transport.key'], 'base64').toString(), 'transport.key of 2');
    same(Object.keys(objects['secret/validator-keys'].data).length, 8);
    same(objects['secret/validator-tls'].type, 'kubernetes.io/tls');
    for (const one of ['namespace', 'serviceaccount', 'networkpolicy', 'poddisruptionbudget', 'servicemonitor', 'prometheusrule', 'configmap']) {
      ensure(Object.keys(objects).some(key => key.startsWith(`${one}/`)), `no ${one}`);
    }
    same([0, 1, 2, 3].map(number => objects[`pvc/data-validator-${number}`].bare ?? false), [false, false, false, false]);
    ensure(!Object.keys(objects).some(key => key.startsWith('job/')), 'jobs are left');
    const text = JSON.stringify(cluster.state.calls);
    ensure(!text.includes('key of'), 'a key is on a command line');
  });

  await test('k8s-deploy again keeps the image and moves no pod, and refuses --never-signed', () => {
    const cluster = new Cluster().deployed();
    const hashes = () => [0, 1, 2, 3].map(number => cluster.state.objects[`pod/validator-${number}`].age > 0);
    ensure(cluster.run('k8s-deploy', cluster.input, '--image', next).code === 0, 'again');
    same(cluster.images(), [old, old, old, old]);
    same(cluster.state.fewest, 4);
    same(hashes(), [true, true, true, true]);
    const refused = cluster.run('k8s-deploy', cluster.input, '--image', next, '--never-signed');
    same(refused.code, 2);
  });

  await test('k8s-deploy without volumes and without --never-signed makes no validator', () => {
    const cluster = new Cluster();
    const done = cluster.run('k8s-deploy', cluster.input, '--image', old);
    same(done.code, 2);
    ensure(done.err.includes('has no volume'), done.err);
    ensure(!cluster.state.objects['statefulset/validator'], 'there is a StatefulSet');
  });

  await test('k8s-deploy says what is missing before it makes anything', () => {
    const cluster = new Cluster();
    fs.rmSync(path.join(cluster.input, 'keys/validator-3/transport.key'));
    const done = cluster.run('k8s-deploy', cluster.input, '--image', old, '--never-signed');
    same([done.code, cluster.state.calls], [2, []]);
    ensure(done.err.includes('keys/validator-3/transport.key is missing'), done.err);
    same(cluster.run('k8s-deploy', cluster.input, '--image', 'a b').code, 2);
  });

  await test('k8s-deploy ends with 1 where a vote store cannot be made, where a pod does not become ready, and without the operator goes on', () => {
    const failing = new Cluster({ jobsFail: true });
    same(failing.run('k8s-deploy', failing.input, '--image', old, '--never-signed').code, 1);
    ensure(!failing.state.objects['statefulset/validator'], 'there is a StatefulSet');
    const bad = new Cluster({ badImages: [old], operator: false });
    const done = bad.run('k8s-deploy', bad.input, '--image', old, '--never-signed');
    same(done.code, 1);
    ensure(done.err.includes('validator-0 is not ready') && done.out.includes('no Prometheus operator'), done.err);
  });

  await test('k8s-upgrade changes one pod at a time, from the last to the first, and never has two away', () => {
    const cluster = new Cluster().deployed();
    const done = cluster.run('k8s-upgrade', next, '--timeout', '60');
    ensure(done.code === 0, done.err + done.out);
    same(cluster.images(), [next, next, next, next]);
    same(cluster.partition(), 4);
    same(cluster.state.fewest, 3);
    same([...done.out.matchAll(/validator-(\d) is ready/g)].map(([, number]) => number).join(''), '3210');
    const { currentRevision, updateRevision } = cluster.state.objects['statefulset/validator'].status;
    same(currentRevision, updateRevision);
    same(cluster.run('k8s-upgrade', next).code, 0);
  });

  await test('k8s-upgrade to an image that does not become ready brings the old one back, and only one pod was away', () => {
    const cluster = new Cluster().deployed();
    cluster.change({ badImages: [next] });
    const done = cluster.run('k8s-upgrade', next, '--timeout', '10');
    ensure(done.code === 1, done.err + done.out);
    same(cluster.images(), [old, old, old, old]);
    same([cluster.partition(), cluster.state.fewest], [4, 3]);
  });

  await test('k8s-upgrade that meets a lost machine half way brings that pod back first, then those that had changed', () => {
    for (const lost of [3, 0]) {
      const cluster = new Cluster().deployed();
      // Away as soon as two have changed, for a while.
      cluster.change({ loseAfter: 2, lose: `validator-${lost}`, next });
      const done = cluster.run('k8s-upgrade', next, '--timeout', '60');
      ensure(done.code === 1, `${lost}: ${done.code} ${done.err}${done.out}`);
      ensure(done.out.includes('is ready with'), 'none had changed');
      same(cluster.images(), [old, old, old, old]);
      same(cluster.partition(), 4);
    }
  });

  await test('k8s-upgrade does not begin with a pod that is away, with a partition that is lowered, or with mixed images', () => {
    const away = new Cluster().deployed();
    away.change({ lost: [{ pod: 'validator-1', from: 0, to: 1e9 }] });
    same(away.run('k8s-upgrade', next).code, 2);
    same(away.images(), [old, old, old, old]);
    const lowered = new Cluster().deployed();
    const { objects } = lowered.state;
    objects['statefulset/validator'].spec.updateStrategy.rollingUpdate.partition = 2;
    lowered.change({ objects });
    same(lowered.run('k8s-upgrade', next).code, 2);
    same(new Cluster().run('k8s-upgrade', next).code, 2);
    same(new Cluster().run('k8s-upgrade', 'a"b').code, 2);
  });

  await test('k8s-upgrade says 3 where even the old image does not come back', () => {
    const cluster = new Cluster().deployed();
    cluster.change({ badImages: [next], loseAfter: 1, lose: 'validator-3', forever: true, next });
    same(cluster.run('k8s-upgrade', next, '--timeout', '3').code, 3);
    same(cluster.partition(), 4);
  });
}
