// deploy/kubernetes and deploy/helm: the official client's types, the published schemas, Helm itself, and both against each other.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cache, deploy, documents, ensure, helm, must, read, root, run, same, test } from './lib.mjs';

const folder = path.join(deploy, 'kubernetes');
export const files = fs.readdirSync(folder).filter(name => name.endsWith('.yaml')).sort();
export const plain = files.flatMap(name => documents(read('deploy/kubernetes', name)));
const client = path.join(root, 'eng/deploy/bin/Release/net10.0/Validator.Manifests.dll');
const chart = path.join(deploy, 'helm/validator');

export const typed = text => run('dotnet', [client], { input: text });
export const render = (...args) => run(helm, ['template', 'validator', chart, '--namespace', 'validator', ...args]);
const named = object => `${object.kind}/${object.metadata.name}`;

/** Without what a serializer may leave out: nulls, and what is empty. */
function bare(value) {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).map(([key, one]) => [key, bare(one)]);
  return Object.fromEntries(kept.filter(([, one]) => one !== null && one !== undefined));
}

const groups = { '': 'Core', apps: 'Apps', batch: 'Batch', policy: 'Policy', 'networking.k8s.io': 'Networking' };

/** The published OpenAPI schemas, made into validators; a fault's text, or null. */
async function schemaFault(object) {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const name = version[0].toUpperCase() + version.slice(1);
  const module = group === 'monitoring.coreos.com'
    ? `@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoring${name}${object.kind}`
    : `kubernetes-models/_schemas/IoK8sApi${groups[group]}${name}${object.kind}`;
  const { validate } = await import(path.join(cache, 'node_modules', `${module}.js`));
  return validate(object) ? null : JSON.stringify(validate.errors.map(error => `${error.instancePath} ${error.message}`));
}

export async function checkObjects(text, what) {
  const done = typed(text);
  ensure(done.code === 0, `${what}: ${done.err}`);
  const objects = documents(text);
  const again = done.out.trim().split('\n').map(line => JSON.parse(line));
  ensure(again.length === objects.length, `${what}: ${again.length} of ${objects.length} objects were read`);
  for (const [number, object] of objects.entries()) {
    const operator = object.apiVersion.startsWith('monitoring.coreos.com/');
    if (!operator) same(bare(again[number]), bare(object), `${what}: ${named(object)} `);
    const fault = await schemaFault(object);
    ensure(fault === null, `${what}: ${named(object)}: ${fault}`);
  }
}

/** What the restricted profile of Kubernetes' pod security standards asks for, and what we ask for beyond it. */
function podFaults(pod) {
  const faults = [];
  const want = (condition, what) => condition || faults.push(what);
  const security = pod.securityContext;
  want(security.runAsNonRoot === true && security.runAsUser === 65532 && security.runAsGroup === 65532, 'the user of Dockerfile.aot');
  want(security.seccompProfile?.type === 'RuntimeDefault', 'seccomp');
  want(pod.automountServiceAccountToken === false, 'no token of the service account');
  want(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'no namespace of the host');
  want(pod.volumes.every(volume => !volume.hostPath), 'no path of the host');
  want(pod.volumes.every(volume => !volume.secret || volume.secret.defaultMode === 0o400), 'secrets 0400, which fsGroup makes 0440');
  want(security.fsGroup === security.runAsGroup, 'fsGroup is the own group');
  for (const one of [...pod.containers, ...pod.initContainers ?? []]) {
    const context = one.securityContext;
    want(context.allowPrivilegeEscalation === false && context.privileged === false, 'no more privileges');
    want(context.readOnlyRootFilesystem === true, 'a read-only root');
    want(context.capabilities.drop.includes('ALL') && !context.capabilities.add, 'no capabilities');
    want(one.resources.requests.memory && one.resources.requests.cpu && one.resources.limits.memory, 'requests and limits');
  }
  return faults;
}

/** What Helm adds, and what the plain manifests have beyond the chart, taken away. */
function comparable(objects) {
  return Object.fromEntries(objects
    .filter(object => object.kind !== 'Namespace' && object.kind !== 'Job' && object.kind !== 'PersistentVolumeClaim')
    .map(object => {
      const copy = structuredClone(object);
      delete copy.metadata.labels['helm.sh/chart'];
      delete copy.metadata.labels['app.kubernetes.io/managed-by'];
      return [named(object), copy];
    }));
}

export default async function kubernetes() {
  await test('every manifest is read strictly by the official client, keeps each field, and fits the published schemas',
    () => checkObjects(files.map(name => read('deploy/kubernetes', name)).join('\n---\n'), 'deploy/kubernetes'));

  await test('a field that does not exist is refused by the client, and a wrong type by the schemas', async () => {
    const text = read('deploy/kubernetes/statefulset.yaml');
    for (const wrong of [text.replace('serviceName:', 'serviceNames:'), text.replace('  replicas: 4', '  replicas: 4\n  replicas: 4')]) {
      ensure(wrong !== text && typed(wrong).code === 1, 'the client took it');
    }
    const [set] = documents(text.replace('replicas: 4', 'replicas: four'));
    ensure(await schemaFault(set) !== null, 'the schemas took it');
  });

  await test('pods keep to the restricted profile, without rights, with a read-only root and bounded resources', () => {
    const pods = plain.filter(object => object.spec?.template).map(object => object.spec.template.spec);
    ensure(pods.length === 2, 'a StatefulSet and a Job');
    same(pods.flatMap(podFaults), []);
  });

  await test('what refers to something by name, label or port finds it', () => {
    const find = (kind, name) => plain.find(object => object.kind === kind && object.metadata.name === name);
    const made = { secrets: ['validator-keys', 'validator-tokens', 'validator-tls', 'validator-scrape'], maps: ['validator-genesis'] };
    const set = find('StatefulSet', 'validator').spec;
    const labels = set.template.metadata.labels;
    const selects = selector => Object.entries(selector).every(([key, value]) => labels[key] === value);
    ensure(selects(set.selector.matchLabels) && selects(find('PodDisruptionBudget', 'validator').spec.selector.matchLabels), 'labels');
    ensure(find('Service', set.serviceName).spec.clusterIP === 'None', 'the headless service');
    ensure(set.updateStrategy.rollingUpdate.partition === set.replicas, 'a change of the template moves no pod');
    const ports = set.template.spec.containers[0].ports.map(port => port.name);
    for (const service of plain.filter(object => object.kind === 'Service')) {
      ensure(selects(service.spec.selector), 'a service selects the pods');
      ensure(service.spec.ports.every(port => ports.includes(port.targetPort)), 'a service leads to a port');
    }
    const script = read('deploy/scripts/k8s-deploy');
    for (const volume of set.template.spec.volumes) {
      const secret = volume.secret?.secretName;
      const map = volume.configMap?.name;
      ensure(!secret || made.secrets.includes(secret) && new RegExp(`secret (generic|tls) ${secret} `).test(script), `k8s-deploy makes ${secret}`);
      ensure(!map || find('ConfigMap', map) || made.maps.includes(map) && script.includes(`configmap ${map}`), `k8s-deploy makes ${map}`);
    }
    for (const mount of set.template.spec.containers[0].volumeMounts) {
      const claims = set.volumeClaimTemplates.map(claim => claim.metadata.name);
      ensure([...set.template.spec.volumes.map(volume => volume.name), ...claims].includes(mount.name), `volume ${mount.name}`);
    }
    const monitor = find('ServiceMonitor', 'validator').spec;
    ensure(Object.entries(monitor.selector.matchLabels).every(([key, value]) =>
      find('Service', 'validator-peers').metadata.labels[key] === value), 'the monitor finds the service');
  });

  await test('the first start mounts, and is allowed, what the validator is', () => {
    const job = plain.find(object => object.kind === 'Job').spec.template.spec;
    const set = plain.find(object => object.kind === 'StatefulSet').spec;
    const claim = plain.find(object => object.kind === 'PersistentVolumeClaim');
    same(job.securityContext, set.template.spec.securityContext);
    same(job.containers[0].securityContext, set.template.spec.containers[0].securityContext);
    same(job.containers[0].image, set.template.spec.containers[0].image);
    same(claim.spec, set.volumeClaimTemplates[0].spec);
    same(claim.metadata.name, `${set.volumeClaimTemplates[0].metadata.name}-validator-0`);
  });

  await test('the PrometheusRule has the rules of deploy/prometheus/alerts.yml', () => {
    same(plain.find(object => object.kind === 'PrometheusRule').spec, documents(read('deploy/prometheus/alerts.yml'))[0]);
  });

  await test('promtool passes the PrometheusRule by the unit tests of the alerts', () => {
    const at = fs.mkdtempSync(path.join(os.tmpdir(), 'rules-'));
    const rule = plain.find(object => object.kind === 'PrometheusRule').spec;
    fs.writeFileSync(path.join(at, 'alerts.yml'), JSON.stringify(rule));
    fs.copyFileSync(path.join(deploy, 'prometheus/alerts_test.yml'), path.join(at, 'alerts_test.yml'));
    must('promtool', ['check', 'rules', 'alerts.yml'], { cwd: at });
    must('promtool', ['test', 'rules', 'alerts_test.yml'], { cwd: at });
    const tested = documents(read('deploy/prometheus/alerts_test.yml'))[0].tests;
    const fired = JSON.stringify(tested);
    for (const alert of rule.groups.flatMap(group => group.rules).map(one => one.alert)) {
      ensure(fired.includes(`alertname=\\"${alert}\\"`), `${alert} has no test in which it fires`);
    }
    fs.rmSync(at, { recursive: true });
  });

  await test('Helm finds no fault in the chart', () => {
    must(helm, ['lint', '--strict', chart]);
  });

  await test('the chart, with its own values, is the plain manifests', () => {
    const rendered = render();
    ensure(rendered.code === 0, rendered.err);
    same(comparable(documents(rendered.out)), comparable(plain));
  });

  for (const name of fs.readdirSync(path.join(chart, 'ci')).sort()) {
    await test(`the chart with ci/${name} is read strictly, fits the schemas, and keeps to the restricted profile`, async () => {
      const rendered = render('--values', path.join(chart, 'ci', name));
      ensure(rendered.code === 0, rendered.err);
      await checkObjects(rendered.out, name);
      const set = documents(rendered.out).find(object => object.kind === 'StatefulSet');
      same(podFaults(set.spec.template.spec), []);
    });
  }

  await test('values reach what they are for', () => {
    const objects = name => documents(render('--values', path.join(chart, 'ci', name)).out);
    const find = (all, kind) => all.filter(object => object.kind === kind);
    const small = objects('small.yaml');
    const large = objects('large.yaml');
    const [one] = find(small, 'StatefulSet');
    const [seven] = find(large, 'StatefulSet');
    same([find(small, 'ServiceMonitor').length, find(small, 'PrometheusRule').length], [0, 0]);
    same([one.spec.replicas, one.spec.updateStrategy.rollingUpdate.partition], [1, 1]);
    same([seven.spec.replicas, seven.spec.updateStrategy.rollingUpdate.partition], [7, 0]);
    same(one.spec.volumeClaimTemplates[0].spec.storageClassName, 'fast');
    ensure(!one.spec.template.spec.volumes.some(volume => volume.name === 'tls'), 'no TLS');
    ensure(find(small, 'ConfigMap')[0].data['node.toml'].includes('"/dns/bob.example/udp/9001/quic-v1/p2p/bob",'), 'hints');
    same(find(small, 'NetworkPolicy')[0].spec.egress[0].ports.map(port => port.port), [9001, 9101]);
    same(seven.spec.template.spec.containers[0].image, 'images.example/validator:0.2.0');
    const leads = objects => find(objects, 'PrometheusRule')[0].spec.groups.flatMap(group => group.rules)
      .map(rule => rule.annotations.runbook_url.replace(/\/[a-z-]+\.md#[a-z]+$/, ''));
    same([...new Set(leads(large))], ['https://wiki.example/runbooks']);
    same(find(large, 'ConfigMap').length, 1 + fs.readdirSync(path.join(deploy, 'grafana/dashboards')).length);
    same(seven.spec.template.spec.volumes.find(volume => volume.name === 'keys').secret.items.length, 14);
  });

  await test('values that mean nothing are refused by the schema', () => {
    for (const wrong of ['replicas=0', 'replica=4', 'storage.size=big', 'settings.SOMETHING=1', 'peers.hints={bob:9001}', 'tls=maybe',
      'monitoring.runbooks=/wiki']) {
      ensure(render('--set', wrong).code !== 0, `${wrong} was taken`);
    }
  });
}
