using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>A conversation as a server holds it, as far as the API sees it.</summary>
internal sealed class ChatDriver
{
    private readonly List<HeldValue> _parameters = [];
    private readonly List<ReadOnlyMemory<byte>> _chunks = [];

    public ChatDriver(Dialect? dialect = null, ILogger<ChatInstruments>? logger = null)
    {
        Meters = new MeterFactory();
        Api = new ChatApi("test", dialect ?? Lenient,
            new ChatInstruments(Meters, logger ?? NullLogger<ChatInstruments>.Instance));
    }

    private ChatDriver(ChatDriver other)
    {
        (Api, Meters, State) = (other.Api, other.Meters, other.State);
        _chunks.AddRange(other._chunks);
        _parameters.AddRange(other._parameters);
    }

    /// <summary>A server that takes everything, and text as it comes.</summary>
    public static Dialect Lenient { get; } = KnownDialects.OpenAI with { OutputLimitField = "max_tokens" };

    public ChatApi Api { get; }

    public MeterFactory Meters { get; }

    public object? State { get; private set; }

    /// <summary>Whether the conversation moves to another process behind each item.</summary>
    public bool Moves { get; init; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Chunks => _chunks;

    public static ChatDriver Of(params string[] items)
    {
        var driver = new ChatDriver();
        foreach (var item in items)
        {
            driver.Add(item);
        }

        return driver;
    }

    public ChatDriver Fork() => new(this);

    public ChatDriver With(string field, string json)
    {
        _parameters.RemoveAll(value => value.Field == field);
        _parameters.Add(new HeldValue(0, field, Encoding.UTF8.GetBytes(json), default));
        return this;
    }

    public void Add(string json) => Add(Encoding.UTF8.GetBytes(json));

    public void Add(byte[] json) => Add(ItemOf(json));

    public void Add(Item item)
    {
        var rendered = Api.Render(item, State);
        _chunks.Add(rendered.Bytes);
        State = Moves ? MovedState.Of(Api.States, item, State, rendered.State) : rendered.State;
    }

    public static Item ItemOf(byte[] json)
    {
        var members = JsonMembers.Of(json);
        var type = JsonContent.Text(members["type"u8]) ?? "message";
        var role = type == "message"
            ? Enum.Parse<ItemRole>(JsonContent.Text(members["role"u8])!, ignoreCase: true)
            : ItemRole.None;
        return new Item(json, type, role);
    }

    public ModelCall Call() => new()
    {
        Model = "m",
        Parameters = new Parameters([.. _parameters]),
        Context = new ContextView(null, [.. _chunks])
        {
            ItemCount = _chunks.Count, Bytes = _chunks.Sum(chunk => (long)chunk.Length), Tokens = 0, State = State,
        },
        NewItems = _chunks.Count,
        Affinity = 7,
    };

    /// <summary>The request's body as a server gets it.</summary>
    public string Body()
    {
        var body = Api.Write(Call());
        var context = string.Concat(body.Context.Chunks().Select(chunk => Encoding.UTF8.GetString(chunk.Span)));
        return Encoding.UTF8.GetString(body.Head.Span) + context[body.Skipped..] +
            Encoding.UTF8.GetString(body.Tail.Span);
    }

    public JsonObject Request() => JsonNode.Parse(Body())!.AsObject();

    /// <summary>The messages, as JSON.</summary>
    public string Messages() => Request()["messages"]!.ToJsonString(Compact);

    /// <summary>Reads an answer that is one JSON document.</summary>
    public Answer ReadWhole(string json) => Answer.OfWhole(Api, Call(), json);

    /// <summary>Reads an answer whose chunks are these, and takes nothing in.</summary>
    public Answer Read(params string[] chunks) => Answer.Of(Api, Call(), chunks);

    /// <summary>Reads an answer whose chunks are these, and that [DONE] ends.</summary>
    public Answer ReadDone(params string[] chunks) =>
        Answer.Of(Api, Call(), chunks.Select(Encoding.UTF8.GetBytes), isMarked: true);

    public static readonly JsonSerializerOptions Compact = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal sealed class MeterFactory : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options.Name, options.Version, options.Tags, scope: this);

        public void Dispose()
        {
        }
    }
}

/// <summary>What a decoder made of an answer.</summary>
/// <param name="Events">All events.</param>
/// <param name="Items">The items, as clients get them, without ids; one that stayed open is the last, cut.</param>
internal sealed record Answer(List<ModelEvent> Events, List<JsonObject> Items)
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public ModelEvent End => Events[^1];

    public JsonObject Single => Assert.Single(Items);

    public string Types => string.Join(' ', Items.Select(item => item["type"]));

    public List<string> Deltas =>
        [.. Events.Where(e => e.Kind == ModelEventKind.Delta).Select(e => Strict.GetString(e.Text.Span))];

    /// <summary>Reads chunks; the stream is over behind the last one.</summary>
    public static Answer Of(ChatApi api, ModelCall call, IEnumerable<string> chunks) =>
        Of(api, call, chunks.Select(Encoding.UTF8.GetBytes));

    public static Answer Of(ChatApi api, ModelCall call, IEnumerable<byte[]> chunks, bool isMarked = false)
    {
        var decoder = api.Decode(call);
        var events = new List<ModelEvent>();
        foreach (var chunk in chunks)
        {
            decoder.Read(chunk, events);

            // What events hold is theirs.
            Array.Clear(chunk);
        }

        decoder.Finish(isMarked, events);
        return new Answer(events, ItemsOf(events));
    }

    /// <summary>Reads an answer that is one JSON document.</summary>
    public static Answer OfWhole(ChatApi api, ModelCall call, string json)
    {
        var (decoder, events, lent) = (api.Decode(call), new List<ModelEvent>(), Encoding.UTF8.GetBytes(json));
        decoder.ReadWhole(lent, events);
        Array.Clear(lent);
        decoder.Finish(isMarked: true, events);
        return new Answer(events, ItemsOf(events));
    }

    /// <summary>Checks that events, whole or not, are what a conversation can take.</summary>
    public static void Check(List<ModelEvent> events) => ItemsOf(events);

    /// <summary>Puts the items together with the code that does it for clients; bad order fails there.</summary>
    private static List<JsonObject> ItemsOf(List<ModelEvent> events)
    {
        var items = new List<JsonObject>();
        var stream = new ResponseStream(
            new ResponseId(new ConversationId(1), TurnId.Stored(1)), EventDialect.OpenAI, _ => { });
        foreach (var e in events)
        {
            if (e.Kind >= ModelEventKind.Completed)
            {
                Assert.Equal(events[^1], e);
                break;
            }

            if (e.Kind == ModelEventKind.Delta)
            {
                // By itself the inside of a JSON string: no half escape, no half character.
                Assert.NotEmpty(JsonSerializer.Deserialize<string>('"' + Strict.GetString(e.Text.Span) + '"')!);
            }

            Add(items, stream.Apply(e));
        }

        var isWhole = events.Count > 0 && events[^1].Kind == ModelEventKind.Completed;
        Assert.True(stream.Open is null || !isWhole, "an item is open at the end");
        Add(items, stream.Cut());
        return items;
    }

    private static void Add(List<JsonObject> items, byte[]? json)
    {
        if (json is not null)
        {
            var item = JsonNode.Parse(json)!.AsObject();
            item.Remove("id");
            items.Add(item);
        }
    }
}

/// <summary>Chunks as servers send them.</summary>
internal static class Chunk
{
    public const string Stop = """{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""";

    public const string Calls = """{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""";

    public const string Length = """{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}""";

    /// <summary>A chunk with nothing but a finish reason.</summary>
    public static string End(string reason) =>
        $$"""{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"{{reason}}"}]}""";

    /// <summary>A chunk with this delta.</summary>
    public static string Of(string delta) => $$"""
        {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{{delta}},"finish_reason":null}]}
        """;

    /// <summary>Text, spelled as the inside of a JSON string.</summary>
    public static string Text(string spelled) => Of($$"""{"content":"{{spelled}}"}""");

    public static string Reasoning(string spelled) => Of($$"""{"reasoning_content":"{{spelled}}"}""");

    /// <summary>The beginning of a call.</summary>
    public static string Call(int index, string id, string name, string spelled = "") => Of(
        $$$"""
        {"tool_calls":[{"index":{{{index}}},"id":"{{{id}}}","type":"function",
        "function":{"name":"{{{name}}}","arguments":"{{{spelled}}}"}}]}
        """);

    /// <summary>More arguments, spelled as the inside of a JSON string.</summary>
    public static string Arguments(int index, string spelled) =>
        Of($$$"""{"tool_calls":[{"index":{{{index}}},"function":{"arguments":"{{{spelled}}}"}}]}""");

    /// <summary>Spells a text as the inside of a JSON string.</summary>
    public static string Spell(string text) => JsonSerializer.Serialize(text, ChatDriver.Compact)[1..^1];
}
