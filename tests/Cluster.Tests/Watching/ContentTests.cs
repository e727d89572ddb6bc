using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Cluster.Tests.Proxies;
using Evergrain.Conversations.Timing;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>Content is in spans of tenants that have it switched on, and nowhere else.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class ContentTests(PostgresServer postgres) : IDisposable
{
    private const string OtherKey = "sk-other";

    private readonly string _data = ProxyProcess.NewFolder("content");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        if (Directory.Exists(_data))
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    [Theory]
    [InlineData("alone")]
    [InlineData("both")]
    public async Task Content_OfStoredTurns_IsInSpansWhereTheirTenantHasItSwitchedOn(string role)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var server = await StartAsync(role, collector);
        var first = await AskAsync(server, ClusterProcess.ClientKey, "one");
        await AskAsync(server, ClusterProcess.ClientKey, "two", after: first);
        await AskAsync(server, ClusterProcess.ClientKey, "unstored", isStored: false);
        await AskAsync(server, OtherKey, "hidden");
        var metrics = await ReadMetricsAsync(server);
        var calls = await ReadCallsAsync(collector, count: 4);
        await server.SignalAsync("TERM", Token);
        Assert.Equal(0, await server.ExitAsync(Token));

        // Each has the items of its own turn alone.
        var shown = calls.FindAll(static call => call.Attributes.ContainsKey(GenAi.InputMessages));
        Assert.Equal(["said one", "said two"], shown.Select(Said).Order(StringComparer.Ordinal));
        Assert.Equal(["asked one", "asked two"], shown.Select(Asked).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(collector.Spans.Except(shown), Holds);

        // Nothing else that leaves the process holds any of it.
        Assert.NotEqual(0, collector.Metrics);
        Assert.True(collector.Received("said one"));
        Assert.False(collector.Received("said unstored") || collector.Received("said hidden"));
        Assert.False(collector.Received("said one", OtlpReceiver.MetricsPath));
        Assert.DoesNotContain("said ", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("said ", server.Story, StringComparison.Ordinal);
        Assert.Contains("took", server.Story, StringComparison.Ordinal);
    }

    private static bool Holds(ReceivedSpan span) =>
        span.Attributes.Values.Any(static value => value.Contains("said ", StringComparison.Ordinal));

    private static string Asked(ReceivedSpan call) => TextOf(call, GenAi.InputMessages, "user").Split('\n')[0];

    private static string Said(ReceivedSpan call) => TextOf(call, GenAi.OutputMessages, "assistant");

    private static string TextOf(ReceivedSpan call, string name, string role)
    {
        var message = Assert.Single(JsonElement.Parse(call.Attributes[name]).EnumerateArray());
        Assert.Equal(role, message.GetProperty("role").GetString());
        var part = Assert.Single(message.GetProperty("parts").EnumerateArray());
        Assert.Equal("text", part.GetProperty("type").GetString());
        return part.GetProperty("content").GetString()!;
    }

    /// <summary>Runs a turn whose input and output hold a word; gives its id.</summary>
    private async Task<string> AskAsync(
        ClusterProcess server, string key, string word, string? after = null, bool isStored = true)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = JsonContent.Create(new
            {
                model = "demo",
                store = isStored,
                previous_response_id = after,
                input = $"asked {word}\n@@script [{{\"say\":\"said {word}\"}}]",
            }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await server.Http.SendAsync(request, Token);
        var response = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(Token));
        Assert.Equal("completed", response.GetProperty("status").GetString());
        return response.GetProperty("id").GetString()!;
    }

    private async Task<List<ReceivedSpan>> ReadCallsAsync(OtlpReceiver collector, int count)
    {
        while (true)
        {
            var calls = collector.Spans.Where(static span => span.Name == "chat demo").ToList();
            if (calls.Count == count)
            {
                return calls;
            }

            await Task.Delay(ProxyProcess.Look, TimeProvider.System, Token);
        }
    }

    private async Task<string> ReadMetricsAsync(ClusterProcess server)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ClusterProcess.OperatorKey);
        using var answer = await server.Http.SendAsync(request, Token);
        return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Token);
    }

    private async Task<ClusterProcess> StartAsync(string role, OtlpReceiver collector)
    {
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, "--role", role, "--port", "0"]);
        var settings = start.Environment;
        if (role == "alone")
        {
            settings["Evergrain__Data"] = _data;
        }
        else
        {
            settings["Evergrain__JournalUrl"] = postgres.Url(await postgres.CreateDatabaseAsync());
        }

        settings["Evergrain__ApiKeys__0"] = $"{ClusterProcess.ClientKey}=shown";
        settings["Evergrain__ApiKeys__1"] = $"{OtherKey}=hidden";
        settings["Evergrain__OperatorKeys__0"] = ClusterProcess.OperatorKey;
        settings["Evergrain__Tenants__shown__ContentInSpans"] = "true";
        settings["Logging__LogLevel__Evergrain"] = "Trace";
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Url;
        settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        settings["OTEL_BSP_SCHEDULE_DELAY"] = "200";
        settings["OTEL_METRIC_EXPORT_INTERVAL"] = "500";
        return await ClusterProcess.StartAsync(role, start, Token);
    }
}
