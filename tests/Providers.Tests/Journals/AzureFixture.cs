using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A container of one test in the shared Azurite, and journals in it.</summary>
public abstract class AzureFixture(AzuriteServer server) : IAsyncLifetime
{
    /// <summary>Far beyond any honest run: a test that reaches it hangs.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    private readonly CancellationTokenSource _timeout = new(Timeout);
    private readonly List<AzureJournal> _opened = [];
    private ulong _nextId;

    protected AzuriteServer Server => server;

    protected CancellationToken Token => _timeout.Token;

    protected string Container { get; } = server.NewContainer();

    /// <summary>The way to blobs that breaks.</summary>
    protected CuttingProxy Blobs { get; private set; } = null!;

    /// <summary>The way to tables that breaks.</summary>
    protected CuttingProxy Tables { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        await server.StartAsync();
        (Blobs, Tables) = (new CuttingProxy(server.BlobPort), new CuttingProxy(server.TablePort));
    }

    public async Task DisposeAsync()
    {
        foreach (var journal in _opened)
        {
            await journal.DisposeAsync();
        }

        await Blobs.DisposeAsync();
        await Tables.DisposeAsync();
        _timeout.Dispose();
    }

    protected static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected ConversationKey NewKey() => new("default", new ConversationId(++_nextId));

    /// <summary>A journal that ends with the test; over the ways that break, if it is watched or asked to be.</summary>
    internal async Task<AzureJournal> OpenAsync(RequestWatch? watch = null, bool isCut = false, int retries = 8,
        double answerSeconds = 10, int tailBlocks = LogTail.BlocksMax)
    {
        var journal = await AzureJournal.OpenAsync(new AzureJournalOptions
        {
            Account = watch is not null || isCut
                ? AzuriteServer.ConnectionStringOver(Blobs.Port, Tables.Port)
                : server.ConnectionString,
            Container = Container,
            RetriesMax = retries,
            AnswerTimeout = TimeSpan.FromSeconds(answerSeconds),
            Watch = watch,
            TailBlocksMax = tailBlocks,
        }, Token);
        _opened.Add(journal);
        return journal;
    }

    /// <summary>A watch that cuts these ways.</summary>
    internal RequestWatch NewWatch() => new()
    {
        Cut = (port, isAnswer) =>
        {
            var way = port == Tables.Port ? Tables : Blobs;
            _ = isAnswer ? way.CutAnswer() : way.CutRequest();
        },
    };

    /// <summary>Appends of writer 1 from a position on.</summary>
    protected async Task FillAsync(IJournal journal, ConversationKey key, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            await journal.AppendAsync(key, i, 1, Bytes(i, 100), Token);
        }
    }

    protected async Task<List<JournalEntry>> ReadAsync(IJournal journal, ConversationKey key)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, Token))
        {
            Assert.Equal(entries.Count, entry.Position);
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>The container as another program has it.</summary>
    protected BlobContainerClient BlobContainer() => new BlobServiceClient(server.ConnectionString,
        new BlobClientOptions(BlobClientOptions.ServiceVersion.V2023_11_03)).GetBlobContainerClient(Container);

    /// <summary>The names of a conversation's blobs, whatever becomes of them.</summary>
    protected async Task<List<string>> BlobsOfAsync(ConversationKey key)
    {
        var names = new List<string>();
        await foreach (var blob in BlobContainer().GetBlobsAsync(
            new GetBlobsOptions { States = BlobStates.All, Traits = BlobTraits.Metadata }, Token))
        {
            names.Add(blob.Name);
        }

        return [.. names.Where(name => name.Contains(key.Id.Code, StringComparison.Ordinal))];
    }
}
