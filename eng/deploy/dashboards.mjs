// deploy/grafana: Grafana's own types, Prometheus' own parser, and docs/METRICS.md or a metrics page for every name.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import ts from 'typescript';
import YAML from 'yaml';
import { cache, deploy, documents, ensure, must, read, same, test } from './lib.mjs';

const folder = path.join(deploy, 'grafana/dashboards');
export const dashboards = fs.readdirSync(folder).sort().map(name => ({ name, ...JSON.parse(read('deploy/grafana/dashboards', name)) }));

/** A query as Grafana would send it, for all validators. */
export const plainQuery = query => query
  .replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h').replaceAll('$instance', '.*');

export const queries = dashboards.flatMap(board => board.panels.flatMap(panel =>
  panel.targets.map(target => ({ where: `${board.name}, ${panel.title}`, query: plainQuery(target.expr) }))));

/** Names of the metrics in a query, by Prometheus' grammar; its faults are errors. */
export function metrics(query) {
  const names = [];
  parser.parse(query).iterate({
    enter: node => {
      ensure(!node.type.isError, `no PromQL: ${query}`);
      if (node.name === 'VectorSelector' && node.node.firstChild?.name === 'Identifier') {
        names.push(query.slice(node.node.firstChild.from, node.node.firstChild.to));
      }
    },
  });
  return names;
}

export const alertQueries = documents(read('deploy/prometheus/alerts.yml'))[0].groups
  .flatMap(group => group.rules).map(rule => ({ where: rule.alert, query: rule.expr }));

/** Families of a metrics page; a histogram's series belong to it. */
export function families(page) {
  const types = [...page.matchAll(/^# TYPE (\S+) (\S+)/gm)];
  return new Set(types.flatMap(([, name, type]) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]));
}

export function missing(known) {
  return [...queries, ...alertQueries].flatMap(({ where, query }) => {
    const names = metrics(query);
    ensure(names.length > 0, `${where}: asks for no metric`);
    // Prometheus makes that one itself.
    return names.filter(name => name !== 'up' && !known.has(name)).map(name => `${where}: ${name}`);
  });
}

export default async function checks() {
  await test('there is a dashboard for consensus, network, storage, Byzantine detection, trust and the process', () => {
    same(dashboards.map(board => board.name.replace('.json', '')),
      ['byzantine', 'consensus', 'network', 'process', 'storage', 'trust']);
    same(new Set(dashboards.map(board => board.uid)).size, dashboards.length);
  });

  await test('dashboards have the types of Grafana\'s schema', () => {
    const at = path.join(cache, 'types');
    fs.mkdirSync(at, { recursive: true });
    const files = dashboards.map(({ name, ...board }) => {
      const file = path.join(at, `${path.basename(name, '.json')}.ts`);
      const typed = `import type { Dashboard } from '@grafana/schema';\nexport const board = ${JSON.stringify(board)} satisfies Loose<Dashboard>;\n`;
      // Enumerations are written as their values in JSON; in TypeScript a value is none of their members.
      const loose = 'type Loose<T> = T extends string | number | boolean | null | undefined ? Widen<T> : '
        + 'T extends unknown[] ? Loose<T[number]>[] : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;\n'
        + 'type Widen<T> = T extends string ? `${T}` : T extends number ? (`${T}` extends `${infer N extends number}` ? N : T) : T;\n';
      fs.writeFileSync(file, typed + loose);
      return file;
    });
    const program = ts.createProgram(files, {
      strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
    });
    same(ts.getPreEmitDiagnostics(program).map(one => `${path.basename(one.file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`), []);
  });

  await test('panels have a place of their own, and every query asks the chosen source for the chosen validators', () => {
    for (const board of dashboards) {
      const taken = new Set();
      for (const panel of board.panels) {
        const { x, y, w, h } = panel.gridPos;
        ensure(x + w <= 24, `${board.name}, ${panel.title}: too wide`);
        for (let cell = 0; cell < w * h; cell++) {
          const at = `${x + cell % w},${y + Math.floor(cell / w)}`;
          ensure(!taken.has(at), `${board.name}, ${panel.title}: lies on another`);
          taken.add(at);
        }
        for (const target of panel.targets) {
          const selectors = metrics(plainQuery(target.expr)).length;
          ensure(target.datasource.uid === '${datasource}', `${board.name}, ${panel.title}: source`);
          ensure(target.expr.split('instance=~"$instance"').length === selectors + 1, `${board.name}, ${panel.title}: validators`);
        }
      }
    }
  });

  await test('Prometheus parses every query of the dashboards', () => {
    const at = fs.mkdtempSync(path.join(os.tmpdir(), 'queries-'));
    const rules = queries.map(({ query }, number) => ({ record: `query:${number}`, expr: query }));
    fs.writeFileSync(path.join(at, 'rules.yml'), YAML.stringify({ groups: [{ name: 'queries', rules }] }));
    must('promtool', ['check', 'rules', 'rules.yml'], { cwd: at });
    fs.rmSync(at, { recursive: true });
  });

  await test('Grafana\'s provisioning leads to the dashboards and to Prometheus', () => {
    const file = documents(read('deploy/compose.yaml'))[0];
    const { grafana } = file.services;
    const [provider] = documents(read('deploy/grafana/provisioning/dashboards/validator.yaml'));
    const [source] = documents(read('deploy/grafana/provisioning/datasources/prometheus.yaml'));
    ensure(grafana.volumes.includes(`./grafana/dashboards:${provider.providers[0].options.path}:ro`), 'the folder of the dashboards');
    ensure(source.datasources[0].url === '$PROMETHEUS_URL' && grafana.environment.PROMETHEUS_URL === 'http://prometheus:9090', 'the source');
    must('promtool', ['check', 'config', '--syntax-only', path.join(deploy, 'prometheus/prometheus.yml')]);
  });
}
