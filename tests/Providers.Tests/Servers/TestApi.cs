using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>
/// An API small enough to see through: each event's data is a word. <c>end</c> completes, <c>last</c> completes once
/// the stream is over, <c>quiet</c> means nothing, <c>bad</c> is malformed, anything else is a delta. A document is one
/// delta too.
/// </summary>
internal sealed class TestApi : IModelApi
{
    public string Rendering => "test";

    public string Origin => "test";

    public IStateCodec? States => null;

    public string Path => "test/calls";

    /// <summary>Set to make <see cref="Write"/> refuse.</summary>
    public string? Refusal { get; init; }

    public Rendered Render(Item item, object? state) => new(item.Json, 1, null);

    public RequestBody Write(ModelCall call) => Refusal is null
        ? new RequestBody(HeadOf(call.Model), call.Context, "]}"u8.ToArray())
        {
            Skipped = call.Context.Bytes > 0 ? 1 : 0,
        }
        : throw ConversationException.Of(RefusalKind.InvalidRequest, Refusal);

    public IEventDecoder Decode(ModelCall call) => new Decoder();

    private static byte[] HeadOf(string model) => Encoding.UTF8.GetBytes($$"""{"model":"{{model}}","items":[""");

    private sealed class Decoder : IEventDecoder
    {
        private bool _isComplete;

        public void Read(ReadOnlySpan<byte> data, List<ModelEvent> events)
        {
            switch (Encoding.UTF8.GetString(data))
            {
                case "end":
                    events.Add(new ModelEvent(ModelEventKind.Completed));
                    break;
                case "last":
                    _isComplete = true;
                    break;
                case "quiet":
                    break;
                case "bad":
                    throw new FormatException("'bad' is no event.");
                case var word:
                    events.Add(new ModelEvent(ModelEventKind.Delta) { Text = Encoding.UTF8.GetBytes(word) });
                    break;
            }
        }

        public void ReadWhole(ReadOnlySpan<byte> json, List<ModelEvent> events)
        {
            Read(json.Trim("\n"u8), events);
            _isComplete = true;
        }

        public void Finish(bool isMarked, List<ModelEvent> events)
        {
            if (_isComplete)
            {
                events.Add(new ModelEvent(ModelEventKind.Completed));
            }
        }
    }
}
