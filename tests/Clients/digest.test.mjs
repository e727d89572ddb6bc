import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RefusedItem, canonical, chain, root } from './digest.mjs';

const vectors = JSON.parse(readFileSync(new URL('../../docs/digest.json', import.meta.url), 'utf8'));

test('the root is as published', () => {
  assert.equal(vectors.version, 1);
  assert.equal(root, vectors.root);
});

test('there are vectors', () => {
  assert.ok(vectors.items.length >= 40 && vectors.chains.length >= 2 && vectors.refused.length >= 5);
});

for (const { name, item, canonical: expected, digest } of vectors.items) {
  test(`item: ${name}`, () => {
    assert.equal(canonical(item), expected);
    assert.equal(canonical(expected), expected);
    assert.equal(chain(root, item), digest);
  });
}

for (const { name, items, digests } of vectors.chains) {
  test(`chain: ${name}`, () => {
    let digest = root;
    assert.deepEqual(items.map((item) => (digest = chain(digest, item))), digests);
  });
}

for (const { name, item, param = null } of vectors.refused) {
  test(`refused: ${name}`, () => {
    assert.throws(() => canonical(item), (error) => error instanceof RefusedItem && error.param === param);
  });
}
