using System.Collections.Concurrent;
using System.Diagnostics;
using Evergrain.Conversations.Timing;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <content>The trace of a client, from its first byte to the model call.</content>
public abstract partial class TimingContract
{
    private const string Secret = "nobody-else-reads-this";

    [Fact]
    public async Task Trace_OfAClient_IsOneChainThroughTurnsToolsAndModelCalls()
    {
        using var spans = new SpanCollector();
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        await client.SendAsync(Traced(Create(Secret), spans.Parent));
        var call = await Model.CallAsync(Secret);
        await call.SayAsync([.. Speech.Call("c1"), Speech.Completed]);
        call.End();
        var asked = await ReadTimingAsync(client);
        Host.Advance(Delay);
        var answered = await RunAsync(client, Traced(Reply(asked, "c1"), spans.Parent));

        var all = await spans.ReadAsync(5);

        Assert.Equal(spans.Trace, answered.GetProperty("trace_id").GetString());
        var turns = all.FindAll(static span => span.OperationName == "invoke_agent evergrain");
        var calls = all.FindAll(static span => span.Kind == ActivityKind.Client);
        var tool = Assert.Single(all, static span => span.OperationName == "execute_tool f");
        Assert.Equal(["chat gated", "chat echo"], calls.Select(static span => span.OperationName));
        Assert.All(turns, turn => Assert.Equal(spans.Parent.Split('-')[2], turn.ParentSpanId.ToHexString()));
        Assert.Equal(turns.Select(static turn => turn.SpanId), calls.Select(static span => span.ParentSpanId));
        Assert.Equal(turns[1].SpanId, tool.ParentSpanId);
        Assert.Equal((Delay, turns[1].StartTimeUtc), (tool.Duration, tool.StartTimeUtc + tool.Duration));
        Assert.Equal(Delay.TotalSeconds, turns[1].StartTimeUtc.Subtract(turns[0].StartTimeUtc).TotalSeconds, 3);
        Assert.Single(all.Select(static span => span.GetTagItem(GenAi.Conversation)).Distinct());
        Assert.Equal(asked.GetProperty("response_id").GetString(), turns[0].GetTagItem(GenAi.Response));
        Assert.NotEmpty(spans.Appends);
        Assert.All(spans.Appends,
            append => Assert.Contains(append.ParentSpanId, turns.Select(static turn => turn.SpanId)));
        Assert.All(spans.Appends, append => Assert.Equal(
            turns[0].GetTagItem(GenAi.Conversation), append.GetTagItem(GenAi.Conversation)));
        Assert.Equal(["tool_call", "stop"],
            calls.SelectMany(static span => (string[])span.GetTagItem(GenAi.FinishReasons)!));
        Assert.Equal((3L, 1L), (turns[0].GetTagItem(GenAi.InputTokens), calls[0].GetTagItem(GenAi.OutputTokens)));
    }

    [Fact]
    public async Task Spans_OfATurn_HoldNoContentAndOnlyNamesThatAreDocumented()
    {
        using var spans = new SpanCollector();
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        await client.SendAsync(Traced(Create(Secret), spans.Parent));
        var call = await Model.CallAsync(Secret);
        await call.SayAsync([.. Speech.Message(Secret), new(Conversations.Ports.ModelEventKind.Failed)
        {
            Code = "server_error", Message = Secret,
        }]);
        call.End();
        await ReadTimingAsync(client);

        var all = await spans.ReadAsync(2);

        var tags = all.Concat(spans.Appends).SelectMany(static span => span.TagObjects).ToList();
        var page = await File.ReadAllTextAsync(Path.Combine(Root(), "docs", "telemetry.md"));
        Assert.All(tags, tag => Assert.Contains($"`{tag.Key}`", page, StringComparison.Ordinal));
        Assert.DoesNotContain(tags, static tag => $"{tag.Value}".Contains(Secret, StringComparison.Ordinal));
        Assert.All(all, static span => Assert.Equal("server_error", span.GetTagItem(GenAi.Error)));
        Assert.All(all, static span => Assert.Equal(ActivityStatusCode.Error, span.Status));
    }

    private static string Traced(string create, string parent) =>
        create[..^1] + $$$""","client_metadata":{"ws_request_header_traceparent":"{{{parent}}}"}}""";

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Orleans.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("Orleans.sln");
        }

        return folder;
    }

    /// <summary>The spans of one trace, whatever else runs in the process.</summary>
    private sealed class SpanCollector : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ConcurrentQueue<Activity> _appends = new();
        private readonly ActivityListener _listener;

        public SpanCollector()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == GenAi.SourceName,
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) =>
                    ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = span =>
                {
                    if (span.TraceId.ToHexString() == Trace)
                    {
                        (span.OperationName == "append journal" ? _appends : _ended).Enqueue(span);
                    }
                },
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public string Trace { get; } = ActivityTraceId.CreateRandom().ToHexString();

        /// <summary>The spans of appends: as many as the journal's speed makes them.</summary>
        public IReadOnlyCollection<Activity> Appends => _appends;

        /// <summary>What a client sends.</summary>
        public string Parent => $"00-{Trace}-00f067aa0ba902b7-01";

        /// <summary>So many other spans, by their begin.</summary>
        public async Task<List<Activity>> ReadAsync(int count)
        {
            using var patience = new CancellationTokenSource(Waits.Patience);
            while (_ended.Count < count)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
            }

            Assert.Equal(count, _ended.Count);
            return [.. _ended.OrderBy(static span => span.StartTimeUtc)];
        }

        public void Dispose() => _listener.Dispose();
    }
}
