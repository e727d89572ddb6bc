#!/usr/bin/env bash
# Package: azurite 3.35.0 with @azure/storage-blob 12.34.0 (npm). Azurite runs with `--skipApiVersionCheck`, without
#          which it refuses this client.
# Guess:   A range that begins at the end of a blob is 416 (RFC 9110), and `If-Match: *` writes only over a blob that is
#          there. Azure's reference names 416 InvalidRange and 412 ConditionNotMet for them.
# Seen:    The range that begins at the end is 206 with no bytes and "Content-Range: bytes 10-9/10", which no range is.
#          One byte later it is 416. At the end of an empty blob it is 416 too.
#          `If-Match: *` on a blob that is not there creates it, for block and append blobs. A named ETag is 412.
# Matters: A reader that follows a journal asks for what stands behind the bytes that it has. On Azurite it gets an
#          empty piece, and by HTTP's rules an error. A writer that must not bring a deleted conversation back writes
#          with `If-Match: *`, and on Azurite brings it back. Tests on Azurite show neither.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
azurite=
trap '[ -z "$azurite" ] || kill "$azurite"; rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  azurite@3.35.0 @azure/storage-blob@12.34.0 >/dev/null

cat > seen.cjs <<'JS'
const { BlobServiceClient, StorageSharedKeyCredential } = require('@azure/storage-blob');
const [port, key] = process.argv.slice(2);
const service = new BlobServiceClient(
  `http://127.0.0.1:${port}/notes`, new StorageSharedKeyCredential('notes', key), { retryOptions: { maxTries: 1 } });
const outcome = (call) => call.then((seen) => seen, (error) => `${error.statusCode} ${error.code}`);
const run = async () => {
  const container = service.getContainerClient('journal');
  await container.create();
  const rows = [];
  const log = container.getAppendBlobClient('log');
  const empty = container.getAppendBlobClient('empty');
  await log.create();
  await empty.create();
  await log.appendBlock('0123456789', 10);
  for (const [blob, from] of [[log, 9], [log, 10], [log, 11], [empty, 0]]) {
    const seen = await outcome(blob.download(from, 5).then((answer) =>
      `${answer._response.status}, ${answer.contentLength} bytes, content-range "${answer.contentRange}"`));
    rows.push([`${blob.name}, range from ${from}`, seen]);
  }
  for (const etag of ['*', '"0x8D1234567890ABC"']) {
    const conditions = { ifMatch: etag };
    const name = etag === '*' ? 'star' : 'etag';
    const block = container.getBlockBlobClient(`${name}-block`);
    const append = container.getAppendBlobClient(`${name}-append`);
    const label = `If-Match: ${etag}, no blob there`;
    rows.push([`${label}, upload`, await outcome(block.upload('x', 1, { conditions }).then(() => 'created'))]);
    rows.push([`${label}, append blob`, await outcome(append.create({ conditions }).then(() => 'created'))]);
  }
  for (const [row, seen] of rows) console.log(`${row.padEnd(58)}${seen}`);
  const same = JSON.stringify(rows.map(([, seen]) => seen)) === JSON.stringify([
    '206, 1 bytes, content-range "bytes 9-9/10"', '206, 0 bytes, content-range "bytes 10-9/10"', '416 InvalidRange',
    '416 InvalidRange', 'created', 'created', '412 ConditionNotMet', '412 ConditionNotMet',
  ]);
  process.exit(same ? 0 : 1);
};
run();
JS
key=$(head -c 32 /dev/urandom | base64)
port=$((20000 + RANDOM % 5000))
AZURITE_ACCOUNTS="notes:$key" node_modules/.bin/azurite-blob --silent --inMemoryPersistence --disableTelemetry \
  --skipApiVersionCheck --blobHost 127.0.0.1 --blobPort "$port" > azurite.txt &
azurite=$!
sleep 5
timeout 40 node seen.cjs "$port" "$key"
