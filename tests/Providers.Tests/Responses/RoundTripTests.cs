using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Conversations.Wire;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>
/// What a server's streams become for clients, and that this stream is one a Responses server could send.
/// </summary>
public sealed class RoundTripTests
{
    private const string End = """{"type":"response.completed","response":{}}""";

    private const string Head = """{"id":"fc_1","type":"function_call","call_id":"c","name":"f",""";
    private const string Begun = Head + """ "arguments":""}""";
    private const string BegunMarked = Head + """ "async":true,"arguments":""}""";
    private const string BegunWhole = Head + """ "arguments":"{}"}""";
    private const string Marked = Head + """ "async":true,"arguments":"{}"}""";
    private const string Plain = Head + """ "arguments":"{}"}""";

    public static TheoryData<string> Streams => RecordedStreamTests.Streams;

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_OfAServer_IsReplayedByteForByte(string name)
    {
        var live = Run(RecordedStreamTests.Read(name)[0], out var items, out var shape);
        var again = new List<string>();
        StreamReplay.Run(shape, items, Stream(again));
        Assert.Equal(live, again);
    }

    [Theory]
    [InlineData(Begun, Marked, true)]
    [InlineData(BegunMarked, Marked, true)]
    [InlineData(BegunMarked, Plain, false)]
    [InlineData(BegunWhole, Marked, true)]
    [InlineData(BegunWhole, Plain, false)]
    [InlineData(null, Marked, true)]
    [InlineData(BegunMarked, null, true)]
    [InlineData(Begun, null, false)]
    public void AsyncMark_OfACall_IsTheServersOwnAndReplayed(string? added, string? done, bool isMarked)
    {
        var events = new[] { ("added", added), ("done", done) }.Where(static item => item.Item2 is not null)
            .Select(static item => $$"""{"type":"response.output_item.{{item.Item1}}","item":{{item.Item2}}}""");
        var live = Run(string.Join('\n', done is null ? events : [.. events, End]), out var items, out var shape);
        var again = new List<string>();
        StreamReplay.Run(shape, items, Stream(again));

        Assert.Equal(live, again);
        Assert.Equal(isMarked, Encoding.UTF8.GetString(Assert.Single(items).Span)
            .Contains("\"async\":true", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void Stream_OfAnotherEvergrain_IsPassedOnAsItCame(string name)
    {
        var first = Run(RecordedStreamTests.Read(name)[0], out _, out _);
        Assert.Equal(first, Run(string.Join('\n', [.. first, End]), out _, out _));
    }

    private static List<string> Run(string recorded, out List<ReadOnlyMemory<byte>> items, out byte[] shape)
    {
        var live = new List<string>();
        var stream = Stream(live);
        items = [];
        foreach (var e in Transcript.Decode(recorded).Where(static e => e.Kind < ModelEventKind.Completed))
        {
            if (e.Kind == ModelEventKind.ItemDone)
            {
                VerbatimItem.Check(e.Json, stream.Open!);
            }

            if (stream.Apply(e) is { } json)
            {
                items.Add(json);
            }
        }

        if (stream.Cut() is { } cut)
        {
            items.Add(cut);
        }

        shape = stream.Shape;
        return live;
    }

    private static ResponseStream Stream(List<string> live) => new(
        new ResponseId(new ConversationId(5), TurnId.Stored(1)), EventDialect.OpenAI,
        json => live.Add(Encoding.UTF8.GetString(json)));
}
