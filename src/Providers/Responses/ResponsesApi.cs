using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Responses;

/// <summary>
/// The Responses API over HTTP: OpenAI, vLLM, another Evergrain. Items, tools and the other parameters pass as they
/// came, unknown ones included; only ids are mapped. Each call is one of its own: the server keeps nothing.
/// </summary>
/// <remarks>
/// What another server sealed stays here, and so do members that only answers have.
/// An item goes out with the id that this server gave it, or with none: clients know it by ours, which the server
/// would look for in vain. So that no server gets another's ids, each has a rendering of its own.
/// </remarks>
/// <param name="server">The server's name.</param>
internal sealed class ResponsesApi(string server) : IModelApi
{
    // What a create says of our response alone; and what the call has of its own.
    private static readonly FrozenSet<string> NotPassed =
        FrozenSet.Create(StringComparer.Ordinal, "background", "metadata", "model", "store", "stream", "input");

    /// <inheritdoc/>
    public string Rendering { get; } = "responses:" + server;

    /// <inheritdoc/>
    public string Origin => Rendering;

    /// <inheritdoc/>
    public IStateCodec States { get; } = new ApprovalStates();

    /// <inheritdoc/>
    public bool TakesOpenCalls => true;

    /// <inheritdoc/>
    public string Path => "responses";

    /// <inheritdoc/>
    public string? Refuse(string field, ReadOnlyMemory<byte> json) => ChatMembers.Refuse(field, json);

    /// <inheritdoc/>
    public Rendered Render(Item item, object? state)
    {
        var json = SentItem.Of(item, item.Origin is { } maker && maker.Server != Origin).Span;
        if (json.IsEmpty)
        {
            return new Rendered(default, 0, state);
        }

        var id = item.Origin is { Kept.Length: > 0 } origin && origin.Server == Origin &&
            (item.Type != "reasoning" || CarriesThoughts(json)) ? origin.Kept : null;
        var names = state as ApprovalNames;
        if (item.Type == ApprovalNames.Answer)
        {
            json = ApprovalNames.Answered(ref names, json);
        }
        else if (item.Type == ApprovalNames.Question && id is not null)
        {
            names = ApprovalNames.Asked(names, json, id);
        }

        var bytes = ItemId.Replace(json, id, ","u8);
        return new Rendered(bytes, Estimate.Tokens(bytes.Length), names);
    }

    /// <inheritdoc/>
    public RequestBody Write(ModelCall call)
    {
        var head = new ArrayBufferWriter<byte>(1024);
        head.Write("{\"model\":\""u8);
        head.Write(Encoding.UTF8.GetBytes(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(call.Model)));
        head.Write("\",\"stream\":true,\"store\":false,"u8);
        foreach (var (field, json) in call.Parameters.All)
        {
            if (!NotPassed.Contains(field))
            {
                Write(head, field, json.Span);
            }
        }

        // A reasoning model that keeps nothing can go on with its own thoughts only if the client carries them; the
        // server gives them for carrying only if it is asked.
        if (call.Parameters.TryGet("reasoning", out _) && !call.Parameters.TryGet("include", out _))
        {
            Write(head, "include", "[\"reasoning.encrypted_content\"]"u8);
        }

        head.Write("\"input\":["u8);
        return new RequestBody(head.WrittenMemory, call.Context, "]}"u8.ToArray())
        {
            Skipped = call.Context.Bytes > 0 ? 1 : 0,
        };
    }

    /// <inheritdoc/>
    public IEventDecoder Decode(ModelCall call) => new ResponsesDecoder();

    /// <summary>
    /// Whether a reasoning item holds what was thought, sealed or plain. OpenAI looks for one that does not by its id,
    /// and refuses the call: it kept nothing. Without an id it takes the item as it is.
    /// </summary>
    private static bool CarriesThoughts(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, ItemId.Options);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isSealed, isPlain) =
                (ItemId.IsNamed(ref reader, "encrypted_content"u8), ItemId.IsNamed(ref reader, "content"u8));
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var value = json[start..(int)reader.BytesConsumed];
            if ((isSealed && value[0] == '"' && value.Length > 2) ||
                (isPlain && value[0] == '[' && !value[1..^1].Trim(" \t\r\n"u8).IsEmpty))
            {
                return true;
            }
        }

        return false;
    }

    private static void Write(ArrayBufferWriter<byte> head, string field, ReadOnlySpan<byte> json)
    {
        head.Write("\""u8);
        head.Write(Encoding.ASCII.GetBytes(field));
        head.Write("\":"u8);
        head.Write(json);
        head.Write(","u8);
    }
}
