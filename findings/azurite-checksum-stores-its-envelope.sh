#!/usr/bin/env bash
# Package: azurite 3.35.0 (npm) with Azure.Storage.Blobs 12.30.1 (NuGet), `TransferValidation`. Azurite runs with
#          `--skipApiVersionCheck`, without which it refuses this client.
# Guess:   Azurite checks the checksum of an upload, ignores it or refuses it. What it stores is what was sent.
# Seen:    With `StorageChecksumAlgorithm.Auto` (it is CRC-64) the client wraps the bytes in a structured message, and
#          Azurite stores the wrapped bytes: 44 for 5. The client throws InvalidDataException, behind the write.
#          An append blob keeps them in its middle, and later appends stand behind them. A download that asks for
#          validation throws as well, also of a blob that is right. With MD5 all is well.
# Matters: A journal in append blobs that turns checksums on is right in Azure and corrupt on Azurite. A program that
#          takes the exception for a lost answer, and sends the record again, has it twice: once wrapped.
# Needs:   .NET 10 SDK, node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
azurite=
trap '[ -z "$azurite" ] || kill "$azurite"; rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts azurite@3.35.0 >/dev/null
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Azure.Storage.Blobs" Version="[12.30.1]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

var service = new BlobServiceClient(
    new Uri($"http://127.0.0.1:{args[0]}/notes"), new StorageSharedKeyCredential("notes", args[1]));
var container = service.GetBlobContainerClient("journal");
await container.CreateAsync();
var same = true;
foreach (var (algorithm, outcome, bytes) in new[]
{
    (StorageChecksumAlgorithm.None, "stored", 15),
    (StorageChecksumAlgorithm.MD5, "stored", 15),
    (StorageChecksumAlgorithm.Auto, "InvalidDataException", 54),
    (StorageChecksumAlgorithm.StorageCrc64, "InvalidDataException", 54),
})
{
    var validation = new UploadTransferValidationOptions { ChecksumAlgorithm = algorithm };
    var log = container.GetAppendBlobClient($"log-{algorithm}");
    await log.CreateAsync();
    await log.AppendBlockAsync(Record());
    var options = new AppendBlobAppendBlockOptions { TransferValidation = validation };
    var seen = await OutcomeAsync(() => log.AppendBlockAsync(Record(), options));
    await log.AppendBlockAsync(Record());
    var stored = (await log.DownloadContentAsync()).Value.Content.ToArray();
    var blob = container.GetBlobClient($"blob-{algorithm}");
    var uploaded = await OutcomeAsync(() =>
        blob.UploadAsync(Record(), new BlobUploadOptions { TransferValidation = validation }));
    var whole = (await blob.DownloadContentAsync()).Value.Content.ToArray().Length;
    Console.WriteLine($"{algorithm}: append of 5 bytes between two others: {seen}, {stored.Length} bytes in all; " +
        $"upload of 5: {uploaded}, {whole} bytes");
    Console.WriteLine($"  {string.Concat(stored.Select(at => at is >= 32 and < 127 ? (char)at : '.'))}");
    same &= (seen, stored.Length, uploaded, whole) == (outcome, bytes, outcome, bytes - 10);
}
var checksum = new DownloadTransferValidationOptions { ChecksumAlgorithm = StorageChecksumAlgorithm.Auto };
var download = await OutcomeAsync(() => container.GetBlobClient("blob-None")
    .DownloadContentAsync(new BlobDownloadOptions { TransferValidation = checksum }));
Console.WriteLine($"Auto: download of a blob that is right: {download}");
return same && download == "InvalidDataException" ? 0 : 1;

static MemoryStream Record() => new(Encoding.ASCII.GetBytes("hello"));

static async Task<string> OutcomeAsync(Func<Task> call)
{
    try
    {
        await call();
        return "stored";
    }
    catch (InvalidDataException exception)
    {
        return exception.GetType().Name;
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
key=$(head -c 32 /dev/urandom | base64)
port=$((20000 + RANDOM % 5000))
AZURITE_ACCOUNTS="notes:$key" node_modules/.bin/azurite-blob --silent --inMemoryPersistence --disableTelemetry \
  --skipApiVersionCheck --blobHost 127.0.0.1 --blobPort "$port" > azurite.txt &
azurite=$!
sleep 5
timeout 50 dotnet out/seen.dll "$port" "$key"
