using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Conversations.Records;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>
/// Two processes are replaced one after the other, to the newest format and back, while a conversation goes on. With
/// three silos, frontends and many clients, <see cref="ChangingClusterTests"/> does the same.
/// </summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class RollTests(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly string Newest = $"{RecordFormat.Newest}";

    private readonly CancellationTokenSource _patience = new(Waits.Patience * 6);
    private readonly List<string> _written = [];
    private string _url = "";
    private string? _previous;

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _url = postgres.Url(await postgres.CreateDatabaseAsync());

    public Task DisposeAsync()
    {
        _patience.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Processes_RolledForwardAndBack_GoOn_AndWriteTheNewFormatOnceAllReadIt()
    {
        var one = await StartAsync("1");
        var two = await StartAsync("1");
        await GoesOnAsync(one, two, wrote: "1");

        one = await ReplaceAsync(one, "");
        await GoesOnAsync(one, two, wrote: "1");
        two = await ReplaceAsync(two, "");
        await UntilAsync($"SELECT format = {Newest} FROM evergrain.schema_version");
        await UntilWrittenAsync(two, Newest);
        await GoesOnAsync(one, two, wrote: Newest);

        one = await ReplaceAsync(one, "1");
        await GoesOnAsync(one, two, wrote: null);
        two = await ReplaceAsync(two, "1");
        await GoesOnAsync(one, two, wrote: "1");
        await one.DisposeAsync();
        await two.DisposeAsync();
    }

    [Fact]
    public async Task Process_ThatCannotReadWhatIsWritten_IsRefusedByName()
    {
        await (await StartAsync("")).DisposeAsync();
        const int unknown = RecordFormat.Newest + 1;
        await ExecuteAsync($"UPDATE evergrain.schema_version SET format = {unknown}");

        var start = StartOf("");
        start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(
            $"holds records of format {unknown}, this program reads up to {RecordFormat.Newest}: start the newer build",
            Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    /// <summary>A turn at each; all that they wrote has one format, if one is given.</summary>
    private async Task GoesOnAsync(ClusterProcess one, ClusterProcess two, string? wrote)
    {
        _written.Clear();
        foreach (var process in (ClusterProcess[])[one, two, one])
        {
            await RunTurnAsync(process);
        }

        Assert.True(wrote is null || _written.TrueForAll(format => format == wrote), string.Join(' ', _written));
    }

    // A process looks at the format now and then.
    private async Task UntilWrittenAsync(ClusterProcess process, string format)
    {
        do
        {
            await RunTurnAsync(process);
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Token);
        }
        while (_written[^1] != format);
    }

    private async Task RunTurnAsync(ClusterProcess process)
    {
        var create = new JsonObject { ["model"] = "demo", ["input"] = "Hello", ["previous_response_id"] = _previous };
        using var answer = await process.Http.PostAsJsonAsync(
            new Uri("/v1/responses", UriKind.Relative), create, Token);
        var response = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
        Assert.True(response["status"]?.GetValue<string>() == "completed", $"{response}\n{process.Story}");
        _previous = response["id"]!.GetValue<string>();

        // The first byte behind a frame's header.
        _written.Add($"{await ExecuteAsync("SELECT get_byte(records, 12) FROM evergrain.appends " +
            "ORDER BY position DESC LIMIT 1")}");
    }

    private async Task<ClusterProcess> ReplaceAsync(ClusterProcess process, string format)
    {
        await process.SignalAsync("TERM", Token);
        Assert.Equal(0, await process.ExitAsync(Token));
        await process.DisposeAsync();
        return await StartAsync(format);
    }

    private Task<ClusterProcess> StartAsync(string format) =>
        ClusterProcess.StartAsync($"both, format {format}", StartOf(format), Token);

    private ProcessStartInfo StartOf(string format)
    {
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, "--role", "both", "--port", "0"])
        {
            UseShellExecute = false,
        };
        start.Environment["Evergrain__JournalUrl"] = _url;
        start.Environment["Evergrain__JournalFormat"] = format;
        return start;
    }

    private Task<object?> ExecuteAsync(string sql) => postgres.ExecuteAsync(new Uri(_url).AbsolutePath[1..], sql);

    private async Task UntilAsync(string condition)
    {
        while (!(bool)(await ExecuteAsync(condition))!)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }
}
