// deploy/terraform: HashiCorp's parser, the providers' own schemas, and what must hold of the result. Providers themselves are not to be
// had from package registries, so terraform validate does not run.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from '@cdktf/hcl2json';
import { cache, deploy, ensure, has, must, read, run, same, skip, test } from './lib.mjs';

const clouds = {
  'aws-govcloud': { provider: 'aws', package: '@cdktf/provider-aws', give: ['network=test', 'image_id=ami-1'], refuse: ['region=us-east-1', 'network=A'] },
  'azure-government': {
    provider: 'azurerm', package: '@cdktf/provider-azurerm',
    give: ['network=test', 'image_id=/subscriptions/1', 'admin_key=ssh-ed25519 A', 'operator_network=10.0.0.0/24'],
    refuse: ['location=eastus', 'operator_network=0.0.0.0/0', 'network=a-b'],
  },
};
const meta = ['count', 'for_each', 'depends_on', 'lifecycle', 'provider'];
const flat = name => name.replaceAll('_', '').toLowerCase();

async function load(cloud) {
  const folder = path.join(deploy, 'terraform', cloud);
  const all = { resource: {}, data: {}, variable: {}, output: {}, locals: [] };
  for (const name of fs.readdirSync(folder).filter(one => one.endsWith('.tf'))) {
    const file = await parse(name, fs.readFileSync(path.join(folder, name), 'utf8'));
    for (const kind of ['resource', 'data']) {
      for (const [type, named] of Object.entries(file[kind] ?? {})) {
        for (const [one, [body]] of Object.entries(named)) {
          ensure(!all[kind][`${type}.${one}`], `${kind} ${type}.${one} is there twice`);
          all[kind][`${type}.${one}`] = { type, body };
        }
      }
    }
    Object.assign(all.variable, file.variable);
    Object.assign(all.output, file.output);
    all.locals.push(...file.locals ?? []);
    all.provider ??= file.provider;
  }
  return all;
}

/** The types that the provider's schema was made into. */
function schemaOf(name) {
  const { types } = JSON.parse(fs.readFileSync(path.join(cache, 'node_modules', name, '.jsii'), 'utf8'));
  const byName = new Map(Object.keys(types).filter(key => key.endsWith('Config')).map(key => [flat(key.slice(name.length + 1)), types[key]]));
  // A type whose name would be another's Config has an A behind it there.
  return { types, config: type => byName.get(`${flat(type)}.${flat(type)}config`) ?? byName.get(`${flat(type)}.${flat(type)}aconfig`) };
}

function allProperties(types, type) {
  const own = type.properties ?? [];
  return type.base && types[type.base] ? [...allProperties(types, types[type.base]), ...own] : own;
}

/** The type behind a block, which may be a list or something to be resolved. */
function inner(types, type) {
  if (type.fqn) return types[type.fqn];
  if (type.collection) return type.collection.kind === 'array' ? inner(types, type.collection.elementtype) : undefined;
  return type.union?.types.map(one => inner(types, one)).find(one => one !== undefined);
}

function bodyFaults(types, type, body, at) {
  const faults = [];
  const known = new Map(allProperties(types, type).map(property => [flat(property.name), property]));
  for (const [name, value] of Object.entries(body)) {
    const property = known.get(flat(name));
    if (!property) {
      if (!meta.includes(name)) faults.push(`${at}: no argument ${name}`);
      continue;
    }
    const block = inner(types, property.type);
    if (block?.properties && typeof value === 'object') {
      faults.push(...[value].flat().flatMap(one => typeof one === 'object' ? bodyFaults(types, block, one, `${at}.${name}`) : []));
    }
  }
  const given = Object.keys(body).map(flat);
  for (const [name, property] of known) {
    if (!property.optional && !given.includes(name)) faults.push(`${at}: ${property.name} is required`);
  }
  return faults;
}

function* texts(value) {
  if (typeof value === 'string') yield value;
  else if (value && typeof value === 'object') for (const one of Object.values(value)) yield* texts(one);
}

function references(all, provider) {
  const faults = [];
  const locals = all.locals.flatMap(one => Object.keys(one));
  const known = name => all.resource[name];
  for (const text of texts(all)) {
    for (const [, kind, name] of text.matchAll(/(?<![\w."/-])(var|local)\.(\w+)/g)) {
      if (kind === 'var' ? !all.variable[name] : !locals.includes(name)) faults.push(`${kind}.${name}`);
    }
    for (const [, data, name] of text.matchAll(new RegExp(`(?<![\\w."/-])(data\\.)?(${provider}_\\w+\\.\\w+)`, 'g'))) {
      if (data ? !all.data[name] : !known(name)) faults.push(`${data ?? ''}${name}`);
    }
  }
  return faults;
}

function* blocks(value, name) {
  if (!value || typeof value !== 'object') return;
  for (const [key, one] of Object.entries(value)) {
    if (key === name) yield* [one].flat();
    yield* blocks(one, name);
  }
}

export default async function checks() {
  const haveTerraform = has('terraform');
  for (const [cloud, about] of Object.entries(clouds)) {
    const folder = path.join(deploy, 'terraform', cloud);
    let all;
    await test(`${cloud} is HCL, and what it refers to is there`, async () => {
      all = await load(cloud);
      ensure(Object.keys(all.resource).length > 10, 'resources');
      same(references(all, about.provider), []);
    });

    await test(`${cloud} gives each resource arguments that the provider's schema has, and all that it requires`, () => {
      const { types, config } = schemaOf(about.package);
      const faults = [];
      for (const [kind, prefix] of [['resource', ''], ['data', `data_${about.provider}_`]]) {
        for (const [name, { type, body }] of Object.entries(all[kind])) {
          const found = config(prefix + type.slice(about.provider.length + 1));
          faults.push(...found ? bodyFaults(types, found, body, name) : [`${name}: no such type`]);
        }
      }
      same(faults, []);
      const [name, { type, body }] = Object.entries(all.resource)[0];
      const found = config(type.slice(about.provider.length + 1));
      ensure(bodyFaults(types, found, { ...body, nonsense: 1 }, name).length === 1, 'an unknown argument is a fault');
      ensure(bodyFaults(types, found, {}, name).length > 0 || allProperties(types, found).every(one => one.optional), 'a missing one is');
    });

    if (!haveTerraform) {
      skip(`${cloud} is formatted, and its variables take what they should and nothing else`, 'no terraform on this machine');
      continue;
    }
    await test(`${cloud} is formatted, and its variables take what they should and nothing else`, () => {
      must('terraform', ['fmt', '-check', '-diff', folder]);
      const at = fs.mkdtempSync(path.join(os.tmpdir(), 'variables-'));
      fs.copyFileSync(path.join(folder, 'variables.tf'), path.join(at, 'variables.tf'));
      must('terraform', ['init', '-no-color'], { cwd: at });
      const plan = (...given) => run('terraform', ['plan', '-no-color', '-input=false', ...given.flatMap(one => ['-var', one])], { cwd: at });
      const good = plan(...about.give);
      ensure(good.code === 0, good.err);
      for (const wrong of about.refuse) ensure(plan(...about.give, wrong).err.includes('Invalid value for variable'), `${wrong} was taken`);
      fs.rmSync(at, { recursive: true });
    });
  }

  await test('AWS: FIPS endpoints, encrypted disks that no apply removes, a closed bucket, roles without stars', async () => {
    const all = await load('aws-govcloud');
    const body = name => all.resource[name].body;
    ensure(all.provider.aws[0].use_fips_endpoint === true, 'FIPS');
    ensure(body('aws_ebs_volume.data').encrypted === true && body('aws_ebs_volume.data').lifecycle[0].prevent_destroy === true, 'disk');
    ensure(body('aws_instance.validator').root_block_device[0].encrypted === true, 'root disk');
    same(body('aws_instance.validator').metadata_options[0].http_tokens, 'required');
    same(Object.values(body('aws_s3_bucket_public_access_block.validator')).filter(one => one === true).length, 4);
    for (const statement of blocks(all.data['aws_iam_policy_document.machine'], 'statement')) {
      ensure(statement.actions.every(action => !action.includes('*') && !/Delete|Put.*Policy/.test(action)), statement.actions.join());
      ensure(statement.sid === 'Sessions' || statement.resources.every(one => one.startsWith('${aws_')), `${statement.sid}: resources`);
    }
    ensure(!JSON.stringify(all.resource).includes('0.0.0.0/0'), 'open to all');
  });

  await test('Azure: Government, encrypted disks that no apply removes, a closed account, roles without stars', async () => {
    const all = await load('azure-government');
    const body = name => all.resource[name].body;
    same(all.provider.azurerm[0].environment, 'usgovernment');
    const disk = body('azurerm_managed_disk.data');
    ensure(disk.disk_encryption_set_id && disk.lifecycle[0].prevent_destroy === true && disk.network_access_policy === 'DenyAll', 'disk');
    const machine = body('azurerm_linux_virtual_machine.validator');
    ensure(machine.encryption_at_host_enabled && machine.os_disk[0].disk_encryption_set_id, 'machine');
    ensure(!('admin_password' in machine) && machine.identity[0].type === 'SystemAssigned', 'no password');
    const account = body('azurerm_storage_account.validator');
    same([account.shared_access_key_enabled, account.min_tls_version, account.allow_nested_items_to_be_public], [false, 'TLS1_2', false]);
    same(account.network_rules[0].default_action, 'Deny');
    const [permissions] = body('azurerm_role_definition.backups').permissions;
    ensure([...permissions.actions, ...permissions.data_actions].every(action => !/\*|delete/.test(action)), 'role');
    const rules = body('azurerm_network_security_group.validator').security_rule;
    for (const direction of ['Inbound', 'Outbound']) {
      const last = rules.filter(rule => rule.direction === direction).sort((a, b) => b.priority - a.priority)[0];
      same([last.access, last.protocol, last.destination_port_range], ['Deny', '*', '*']);
    }
  });

  await test('what machines run at their first boot is a shell script without faults, and keeps a disk that is not empty', () => {
    const at = fs.mkdtempSync(path.join(os.tmpdir(), 'boot-'));
    const given = { bucket: 'bucket', package: 'releases/a.deb', region: 'us-gov-west-1', volume: 'vol1' };
    const aws = read('deploy/terraform/aws-govcloud/first-boot.sh.tftpl').replace(/\$\{(\w+)\}/g, (_, name) => {
      ensure(name in given, `machines.tf does not give ${name}`);
      return given[name];
    });
    for (const [name, text] of [['aws', aws], ['azure', read('deploy/terraform/azure-government/first-boot.sh')]]) {
      const file = path.join(at, name);
      fs.writeFileSync(file, text);
      must('bash', ['-n', file]);
      if (has('shellcheck')) must('shellcheck', [file]);
      ensure(text.includes('[ -n "$(blkid "$disk")" ] || mkfs.ext4'), `${name}: mkfs only on an empty disk`);
    }
    fs.rmSync(at, { recursive: true });
  });
}
