using System.Diagnostics.Metrics;
using System.Net;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Providers.Sqlite;
using Evergrain.Silo.Composition;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Telemetry;

public sealed class MetricsTests
{
    [Fact]
    public async Task Families_OfAServerInUse_HaveHelpAndTheSuffixOfTheirKind()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        await client.RunAsync(WireClient.Create("""[{"say":"hi"}]"""));
        await client.RunAsync("{}");
        using var http = server.CreateHttpClient();

        var lines = (await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK)).Split('\n');

        var helps = lines.Where(IsA("# HELP ")).Select(static line => line.Split(' ', 4)).ToList();
        var types = lines.Where(IsA("# TYPE ")).Select(static line => line.Split(' ')).ToList();
        Assert.Equal(types.Select(static type => type[2]), types.Select(static type => type[2]).Distinct());
        Assert.Equal(types.Select(static type => type[2]), helps.Select(static help => help[2]));
        Assert.All(helps, static help => Assert.NotEqual("", help[3]));
        Assert.All(types, static type => Assert.Equal(
            type[3] == "counter", type[2].EndsWith("_total", StringComparison.Ordinal)));
        Assert.Contains(types, static type => type[2] == "dotnet_thread_pool_threads" && type[3] == "gauge");
        Assert.Contains(types, static type => type[2] == "dotnet_thread_pool_queue_length" && type[3] == "gauge");
        Assert.Contains(types, static type => type[2] == "evergrain_turns_ended_seconds" && type[3] == "histogram");
        Assert.DoesNotContain(lines, static line => line.Contains("otel_scope", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Instruments_OfTheServer_AreDescribedAndDocumented()
    {
        var published = new List<Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            lock (published)
            {
                published.Add(instrument);
            }
        };
        await using var server = await TestServer.StartAsync(await Hosts.InProcessWire.Hosts.StartAsync());
        listener.Start();
        using var client = await WireClient.ConnectAsync(server);
        await client.RunAsync(WireClient.Create("""[{"say":"hi"}]"""));

        var page = await File.ReadAllTextAsync(Path.Combine(Root(), "docs", "telemetry.md"));
        List<Instrument> ours;
        lock (published)
        {
            ours = published.FindAll(static instrument => instrument.Meter.Name == GenAi.SourceName);
        }

        Assert.Contains(ours, static instrument => instrument.Name == "gen_ai.client.inference.duration");
        Assert.All(ours, static instrument => Assert.False(string.IsNullOrEmpty(instrument.Description),
            instrument.Name));
        Assert.All(ours, instrument => Assert.Contains($"`{instrument.Name}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Journal_OfAServer_ShowsWhatItCounts()
    {
        var folder = Directory.CreateTempSubdirectory("evergrain-metrics-");
        await using (var journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = folder.FullName }, CancellationToken.None))
        {
            await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
            var counted = new Dictionary<string, long>(StringComparer.Ordinal);
            using var listener = new MeterListener();
            var meters = services.GetRequiredService<IMeterFactory>();
            listener.InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Scope == meters)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            };
            listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => counted[instrument.Name] = value);
            JournalInstruments.Add(meters, journal);
            listener.Start();
            await journal.AppendAsync(new ConversationKey("default", new ConversationId(7)), JournalEnd.None, 1,
                new byte[] { 1 }, CancellationToken.None);

            listener.RecordObservableInstruments();

            Assert.Equal(1, counted["evergrain.transactions.committed"]);
            Assert.Equal(0, counted["evergrain.transactions.failed"]);
            Assert.Equal(0, counted["evergrain.appends.refused"]);
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Turns_WhoseClientLeft_AreAmongThoseThatEnded()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using (var leaves = await WireClient.ConnectAsync(server))
        {
            await leaves.SendAsync(WireClient.Create("""[{"say":"hi"}]"""));
            leaves.Socket.Abort();
        }

        using var stays = await WireClient.ConnectAsync(server);
        await stays.RunAsync(WireClient.Create("""[{"say":"hi"}]"""));
        await stays.RunAsync("{}");
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        double started, ended;
        do
        {
            var text = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
            started = Sum(text, "evergrain_turns_started_total");
            ended = Sum(text, "evergrain_turns_ended_seconds_count");
            patience.Token.ThrowIfCancellationRequested();
        }
        while (started != ended);

        Assert.InRange(started, 1, 2);
    }

    [Fact]
    public async Task Connections_Open_AreCountedByWhatTheyDo()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await TestServer.StartAsync(
            new ScriptedConversations { OnEnd = _ => new ValueTask(gate.Task) }, ("Admission:ConnectionsMax", "7"));
        using var http = server.CreateHttpClient();
        using var stays = await WireClient.ConnectAsync(server);
        using (var goes = await WireClient.ConnectAsync(server))
        {
            await goes.SendAsync(WireClient.Create("""[{"say":"hi"}]"""));
            await UntilHeldAsync(http, idle: 1, turn: 1);
            gate.SetResult();
            await goes.ReadTurnAsync();
            await UntilHeldAsync(http, idle: 2, turn: 0);
            goes.Socket.Abort();
        }

        await UntilHeldAsync(http, idle: 1, turn: 0);
        var text = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        Assert.Contains("\nevergrain_connections_allowed{} 7\n", text, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_server_ready{} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_server_draining{} 0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_BeyondTheBound_AreOne()
    {
        var names = new BoundedNames();
        var first = Enumerable.Range(0, 50).Select(static i => $"tool_{i}").ToList();

        Assert.Equal(first, first.Select(names.Of));
        Assert.Equal(BoundedNames.Other, names.Of("one_more"));
        Assert.Equal(BoundedNames.Other, names.Of(new string('x', 65)));
        Assert.Equal("tool_7", names.Of("tool_7"));
    }

    private static async Task UntilHeldAsync(HttpClient http, int idle, int turn)
    {
        using var patience = new CancellationTokenSource(TestServer.Patience);
        string text;
        do
        {
            patience.Token.ThrowIfCancellationRequested();
            text = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        }
        while (!Holds("idle", idle) || !Holds("turn", turn) || !Holds("closing", 0));

        bool Holds(string state, int count) => text.Contains(
            $"\nevergrain_connections_held{{state=\"{state}\"}} {count}\n", StringComparison.Ordinal);
    }

    private static Func<string, bool> IsA(string start) => line => line.StartsWith(start, StringComparison.Ordinal);

    private static double Sum(string text, string name) => text.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) ||
            line.StartsWith(name + " ", StringComparison.Ordinal))
        .Sum(static line => double.Parse(line[(line.LastIndexOf(' ') + 1)..],
            System.Globalization.CultureInfo.InvariantCulture));

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Orleans.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("Orleans.sln");
        }

        return folder;
    }
}
