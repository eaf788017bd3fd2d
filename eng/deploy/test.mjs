// make deploy-test: everything in deploy/, as far as it can be tried without a cluster, an engine or a cloud.
import { close } from './lib.mjs';
import compose from './compose.mjs';
import dashboards from './dashboards.mjs';
import kubernetes from './kubernetes.mjs';
import live from './live.mjs';
import packages from './packages.mjs';
import scripts from './scripts.mjs';
import terraform from './terraform.mjs';

for (const checks of [kubernetes, compose, scripts, dashboards, terraform, packages, live]) await checks();
close();
