import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Packed {
    readonly files: readonly { readonly path: string }[];
}

// Protects: whoever installs the package gets the library with its types and licence, and nothing else.
test('the package holds library, readme and licence alone', () => {
    const [packed] = JSON.parse(
        execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
    ) as Packed[];
    const paths = packed?.files.map((file) => file.path) ?? [];
    for (const path of ['LICENSE', 'README.md', 'package.json', 'dist/lib/index.js', 'dist/lib/index.d.ts', 'dist/lib/node.js']) {
        assert.ok(paths.includes(path), path);
    }
    const others = paths.filter((path) => !/^(LICENSE|README\.md|package\.json|dist\/lib\/[a-z0-9-]+\.(js|d\.ts))$/.test(path));
    assert.deepEqual(others, []);
});

// Protects: the lock file pins everything and names no registry.
test('the lock file names no host', () => {
    const lock = readFileSync('package-lock.json', 'utf8');
    const packages = Object.entries(
        (JSON.parse(lock) as { packages: Record<string, { version?: string; integrity?: string }> }).packages,
    );
    assert.ok(packages.length > 5);
    assert.ok(packages.every(([path, { integrity }]) => path === '' || integrity?.startsWith('sha512-') === true));
    assert.ok(!lock.includes('"resolved"'));
});
