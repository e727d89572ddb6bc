using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One API that model servers speak: how a context and a call look in its bytes, and what its stream means. Everything
/// here is pure; connections, time and failures are the business of whoever calls it.
/// </summary>
internal interface IModelApi
{
    /// <summary>The name of its rendering; see <see cref="IModelBackend.Rendering"/>.</summary>
    string Rendering { get; }

    /// <summary>The server's name, for what it wants back; see <see cref="IModelBackend.Origin"/>.</summary>
    string Origin { get; }

    /// <summary>How its states move; see <see cref="IModelBackend.States"/>.</summary>
    IStateCodec? States { get; }

    /// <summary>Whether calls may stay open; see <see cref="IModelBackend.TakesOpenCalls"/>.</summary>
    bool TakesOpenCalls => false;

    /// <summary>What would have no effect; see <see cref="IModelBackend.Refuse"/>.</summary>
    string? Refuse(string field, ReadOnlyMemory<byte> json) => null;

    /// <summary>Where calls are posted, relative to a server's URL: <c>chat/completions</c>.</summary>
    string Path { get; }

    /// <summary>
    /// Renders one item; see <see cref="IModelBackend.Render"/>. Each element that it adds to the body's array begins
    /// with the comma before it.
    /// </summary>
    Rendered Render(Item item, object? state);

    /// <summary>The request's body. Costs nothing that grows with the context.</summary>
    /// <exception cref="ConversationException">A parameter cannot be carried to this API.</exception>
    RequestBody Write(ModelCall call);

    /// <summary>Reads the answer to a call.</summary>
    IEventDecoder Decode(ModelCall call);
}

/// <summary>
/// Reads one server's answer: model events come out of server-sent events, or of one JSON document.
/// </summary>
internal interface IEventDecoder
{
    /// <summary>Reads the data of one server-sent event, never <c>[DONE]</c>, and adds what it means.</summary>
    /// <param name="data">Valid during the call only.</param>
    /// <param name="events">Takes the model events; what they hold is theirs.</param>
    /// <exception cref="FormatException">It is not what the API says; the message is fit for a client.</exception>
    void Read(ReadOnlySpan<byte> data, List<ModelEvent> events);

    /// <summary>
    /// Reads an answer that is one JSON document, as a server sends it that does not stream: a whole answer, or an
    /// error. It is called at most once, in place of <see cref="Read"/>, and <see cref="Finish"/> follows with a mark.
    /// </summary>
    /// <param name="json">Valid during the call only.</param>
    /// <param name="events">Takes the model events; what they hold is theirs.</param>
    /// <exception cref="FormatException">It is not what the API says; the message is fit for a client.</exception>
    void ReadWhole(ReadOnlySpan<byte> json, List<ModelEvent> events);

    /// <summary>
    /// The server's answer is over. Adds what is still due, the last event included if the server said its end.
    /// </summary>
    /// <param name="isMarked">Whether <c>[DONE]</c> ended the stream, or the answer was one whole document.</param>
    /// <param name="events">Takes the model events.</param>
    void Finish(bool isMarked, List<ModelEvent> events);
}

/// <summary>A request's body as bytes that exist already, to be written one after the other.</summary>
/// <param name="Head">Everything before the context's first element, the array's bracket included.</param>
/// <param name="Context">The rendered context; its first byte is a comma.</param>
/// <param name="Tail">Everything behind the context.</param>
internal sealed record RequestBody(ReadOnlyMemory<byte> Head, ContextView Context, ReadOnlyMemory<byte> Tail)
{
    /// <summary>
    /// How many of the context's first bytes are left out: the comma where nothing stands before it in the array. Items
    /// without bytes may come first.
    /// </summary>
    public int Skipped { get; init; }
}
