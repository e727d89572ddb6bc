using System.Buffers.Binary;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Evergrain.Load.Server;
using Npgsql;

namespace Evergrain.Load.Questions;

/// <summary>How much lies in a journal.</summary>
/// <param name="Bytes">Bytes of pages in use, of a database, or of blobs.</param>
/// <param name="Pieces">Files, rows, or blobs and entities of tables.</param>
internal readonly record struct JournalSize(double Bytes, double Pieces);

/// <summary>
/// The journal of a server that lives on: a directory of its own, or what <c>--journal-url</c> names.
/// </summary>
internal sealed class GrowthJournal : IDisposable
{
    // Each table's rows, counted: what the server itself estimates is older.
    private const string Rows = """
        SELECT pg_database_size(current_database()), coalesce(sum((xpath('/row/c/text()', query_to_xml(
          format('SELECT count(*) AS c FROM %I.%I', schemaname, tablename), false, true, '')))[1]::text::bigint), 0)
        FROM pg_tables WHERE schemaname = 'evergrain'
        """;

    private readonly string _data;
    private readonly string? _url;
    private readonly string _container = FormattableString.Invariant($"growth{Environment.ProcessId}");

    public GrowthJournal(LoadOptions options)
    {
        _data = Path.Combine(options.Data, $"load-data-{Environment.ProcessId}-growth");
        _url = options.JournalUrl;
    }

    /// <summary>A column's name for <see cref="JournalSize.Pieces"/>.</summary>
    public string Pieces => _url is null ? "files" : IsPostgres ? "rows" : "blobs and entities";

    /// <summary>One socket in so many runs turns: Azurite is one thread, and 160 turns a second are too many for it.
    /// </summary>
    public int OneIn => _url is null || IsPostgres ? 1 : 9;

    private bool IsPostgres => _url!.StartsWith("postgres", StringComparison.OrdinalIgnoreCase);

    /// <summary>A server on this journal.</summary>
    public ServerStart StartOf(LoadOptions options, IReadOnlyDictionary<string, string> settings)
    {
        string[] journal = _url is null ? ["--data", _data]
            : IsPostgres ? ["--journal-url", _url]
            : ["--journal", "azure", "--journal-url", _url];
        return new ServerStart(options.Server, [.. journal, "--model", "demo"])
        {
            Data = _url is null ? _data : null,
            KeepsData = true,
            Settings = new Dictionary<string, string>(settings, StringComparer.Ordinal)
            {
                ["Azure:Container"] = _container,
            },
        };
    }

    /// <summary>Whether a file is one of its own.</summary>
    public bool Holds(string target) => target.StartsWith(Path.GetFullPath(_data), StringComparison.Ordinal);

    /// <summary>Looks at it once.</summary>
    public async Task<JournalSize> SizeAsync(CancellationToken cancellationToken) =>
        _url is null ? OfFiles() : IsPostgres
            ? await OfDatabaseAsync(new Uri(_url), cancellationToken)
            : await OfAccountAsync(_url, cancellationToken);

    public void Dispose()
    {
        if (Directory.Exists(_data))
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    private JournalSize OfFiles()
    {
        // A file of SQLite stays as large as it once was, and what is free in it is used again; its log is bounded.
        // The header, as of the last checkpoint: bytes of a page, pages, and pages that are free.
        // Source: sqlite.org/fileformat2.html, 1.3.
        Span<byte> header = stackalloc byte[100];
        using var file = new FileStream(
            Path.Combine(_data, "evergrain.db"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.ReadExactly(header);
        var page = BinaryPrimitives.ReadUInt16BigEndian(header[16..]) is var bytes and > 1 ? bytes : 65_536L;
        var pages = BinaryPrimitives.ReadUInt32BigEndian(header[28..]);
        var free = BinaryPrimitives.ReadUInt32BigEndian(header[36..]);
        var files = Directory.GetFiles(_data, "*", SearchOption.AllDirectories);
        return new JournalSize(page * (pages - free), files.Length);
    }

    private static async Task<JournalSize> OfDatabaseAsync(Uri url, CancellationToken cancellationToken)
    {
        var user = url.UserInfo.Split(':', 2);
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            Database = url.AbsolutePath[1..],
        }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Rows, connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new JournalSize(row.GetInt64(0), (double)row.GetDecimal(1));
    }

    private async Task<JournalSize> OfAccountAsync(string account, CancellationToken cancellationToken)
    {
        var (bytes, pieces) = (0.0, 0.0);
        var options = new BlobClientOptions(BlobClientOptions.ServiceVersion.V2023_11_03);
        var container = new BlobServiceClient(account, options).GetBlobContainerClient(_container);
        await foreach (var blob in container.GetBlobsAsync(cancellationToken: cancellationToken))
        {
            bytes += blob.Properties.ContentLength ?? 0;
            pieces++;
        }

        var tables = new TableServiceClient(account);
        await foreach (var table in tables.QueryAsync(cancellationToken: cancellationToken))
        {
            await foreach (var _ in tables.GetTableClient(table.Name)
                .QueryAsync<TableEntity>(select: ["RowKey"], cancellationToken: cancellationToken))
            {
                pieces++;
            }
        }

        return new JournalSize(bytes, pieces);
    }
}
