using System.Diagnostics;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Cluster.Tests.Proxies;
using Evergrain.Conversations.Timing;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Upstream;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>The spans of processes, as a collector gets them.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class TraceTests(PostgresServer postgres) : IDisposable
{
    private const int Turns = 5;
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Loop_OverTwoSilos_IsOneConversationWithoutAHoleInItsTrace()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var model = await ScriptedUpstream.StartAsync(
            [.. Enumerable.Range(1, Turns - 1).Select(static turn => Chat.Call($"call_{turn}")), Chat.Answer()]);
        var url = postgres.Url(await postgres.CreateDatabaseAsync());
        await using var one = await StartAsync("silo", url, model, collector);
        await using var two = await StartAsync("silo", url, model, collector);
        await using var frontend = await StartAsync("frontend", url, model, collector);

        await LoopAsync(frontend, leave: () => StopHolderAsync(one, two));

        var spans = await ReadAsync(collector);
        var turns = Named(spans, "invoke_agent evergrain");
        var calls = Named(spans, "chat m");
        var appends = Named(spans, "append journal");
        var tools = Named(spans, "execute_tool look");
        Assert.Equal(Enumerable.Range(0, Turns).Select(ClientSpan), turns.Select(static turn => turn.Parent));
        Assert.Equal(turns.Select(static turn => turn.Id), calls.Select(static call => call.Parent));
        Assert.Equal(calls.Select(static call => $"00-{Trace}-{call.Id}-01"),
            model.Calls.Select(static call => call.Headers["traceparent"]));
        Assert.NotEmpty(tools);
        Assert.NotEqual(0, collector.Metrics);
        Assert.Subset(turns.Select(static turn => turn.Id).ToHashSet(),
            appends.Concat(tools).Select(static span => span.Parent).ToHashSet());
        Assert.Single(spans.Where(IsOurs)
            .Select(static span => span.Attributes.GetValueOrDefault(GenAi.Conversation)).Distinct());
    }

    private static string ClientSpan(int turn) => $"00f067aa0ba902{turn + 1:x2}";

    private static bool IsOurs(ReceivedSpan span) => span.Scope == GenAi.SourceName;

    // By turns: a client's span each, whose order is theirs.
    private static List<ReceivedSpan> Named(IReadOnlyList<ReceivedSpan> spans, string name)
    {
        var order = spans.Where(static span => span.Name == "invoke_agent evergrain")
            .OrderBy(static span => span.Parent, StringComparer.Ordinal).Select(static span => span.Id).ToList();
        return [.. spans.Where(span => span.Name == name && IsOurs(span))
            .OrderBy(span => Math.Max(order.IndexOf(span.Id), order.IndexOf(span.Parent)))];
    }

    /// <summary>A loop as Codex plays it: each create names a span of its client in the same trace.</summary>
    private async Task LoopAsync(ClusterProcess frontend, Func<Task> leave)
    {
        var address = new UriBuilder(frontend.Http.BaseAddress!) { Scheme = "ws", Path = "/v1/responses" };
        using var socket = await TurnSocket.ConnectAsync(address.Uri, session: null, Token);
        var last = await ToolLoop.RunAsync(socket, $$"""
            {"type":"response.create","model":"m","tools":[{{ToolLoop.Tool}}],
             "input":[{"role":"user","content":"go"}]{{Metadata(0)}}}
            """, Token);
        for (var turn = 1; turn < Turns; turn++)
        {
            if (turn == Turns - 2)
            {
                await leave();
            }

            last = await ToolLoop.RunAsync(socket, ToolLoop.Reply("m", last, Metadata(turn)), Token);
        }
    }

    private static string Metadata(int turn) =>
        $$$""","client_metadata":{"ws_request_header_traceparent":"00-{{{Trace}}}-{{{ClientSpan(turn)}}}-01"}""";

    /// <summary>Stops the silo that holds the conversation: the other one goes on with it.</summary>
    private async Task StopHolderAsync(ClusterProcess one, ClusterProcess two)
    {
        var holder = (await one.ReadMetricsAsync(Token))["evergrain.conversations.warm"] > 0 ? one : two;
        await holder.SignalAsync("TERM", Token);
        Assert.Equal(0, await holder.ExitAsync(Token));
    }

    /// <summary>The spans of the trace, when those of all turns are there and each has its parent.</summary>
    private async Task<IReadOnlyList<ReceivedSpan>> ReadAsync(OtlpReceiver collector)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var spans = collector.Spans.Where(static span => span.Trace == Trace).ToList();
            var known = spans.Select(static span => span.Id)
                .Concat(Enumerable.Range(0, Turns).Select(ClientSpan)).ToHashSet(StringComparer.Ordinal);
            var torn = spans.FindAll(span => !known.Contains(span.Parent));
            if (torn.Count == 0 && Named(spans, "invoke_agent evergrain").Count == Turns &&
                Named(spans, "chat m").Count == Turns)
            {
                return spans;
            }

            Assert.False(patience.IsCancellationRequested,
                $"{spans.Count} of {collector.Spans.Count} spans came; without a parent: {string.Join('\n', torn)}");
            await Task.Delay(ProxyProcess.Look, TimeProvider.System, Token);
        }
    }

    private Task<ClusterProcess> StartAsync(
        string role, string url, ScriptedUpstream model, OtlpReceiver collector)
    {
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, "--role", role, "--port", "0"]);
        start.Environment["Evergrain__JournalUrl"] = url;
        start.Environment["Evergrain__ModelServers__0__Name"] = "scripted";
        start.Environment["Evergrain__ModelServers__0__Api"] = "chat";
        start.Environment["Evergrain__ModelServers__0__Models__0"] = "m";
        start.Environment["Evergrain__ModelServers__0__Urls__0"] = model.Url;
        if (role == "silo")
        {
            start.Environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Url + "/v1/traces";
            start.Environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = collector.Url + "/v1/metrics";
        }
        else
        {
            start.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Url;
        }

        start.Environment["OTEL_METRIC_EXPORT_INTERVAL"] = "500";
        start.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        start.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "200";
        return ClusterProcess.StartAsync(role, start, Token);
    }
}
