// make deploy-test: everything in deploy/, as far as it can be tried without a cluster, an engine or a cloud.
import { close } from './lib.mjs';
import compose from './compose.mjs';
import dashboards from './dashboards.mjs';
import kubernetes from './kubernetes.mjs';
import scripts from './scripts.mjs';

for (const checks of [kubernetes, compose, scripts, dashboards]) await checks();
close();
