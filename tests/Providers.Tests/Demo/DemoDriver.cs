using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;

namespace Evergrain.Providers.Tests.Demo;

/// <summary>What one call gave.</summary>
internal sealed record Answer(IReadOnlyList<ModelEvent> Events, IReadOnlyList<JsonObject> Items)
{
    public ModelEvent End => Events[^1];

    public JsonObject Single => Assert.Single(Items);

    public string Types => string.Join(' ', Items.Select(item => item["type"]));

    public string Text => TextOf(Single);

    public IEnumerable<JsonObject> Calls => Items.Where(item => item["call_id"] is not null);

    public IReadOnlyList<string> Deltas =>
        [.. Events.Where(e => e.Kind == ModelEventKind.Delta).Select(e => Encoding.UTF8.GetString(e.Text.Span))];

    public static string TextOf(JsonObject message)
    {
        Assert.Equal("message", (string?)message["type"]);
        return (string)message["content"]![0]!["text"]!;
    }
}

/// <summary>
/// A conversation as a server holds it, as far as a backend sees it: folds Render over items, streams, checks the
/// grammar of the events, and takes the finished items in.
/// </summary>
internal sealed class DemoDriver
{
    public const string Tools = """[{"type":"function","name":"exec_command","parameters":{}}]""";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DemoBackend _backend;
    private readonly List<Item> _items = [];
    private readonly List<ReadOnlyMemory<byte>> _chunks = [];
    private long _tokens;
    private int _new;
    private long _newTokens;

    public DemoDriver(TimeProvider? time = null) => _backend = new DemoBackend(["demo"], time ?? new InstantTime());

    public IReadOnlyList<Item> Items => _items;

    public object? State { get; private set; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Chunks => _chunks;

    /// <summary>Reads a create's tools; null sends none.</summary>
    public string? OfferedTools { get; set; } = Tools;

    public string ToolChoice { get; set; } = "\"auto\"";

    public static DemoDriver WithScript(string script)
    {
        var driver = new DemoDriver();
        driver.User("Do it.\n@@script " + script);
        return driver;
    }

    /// <summary>A conversation that gets these items at once, as a new chain.</summary>
    public static DemoDriver Resend(IEnumerable<string> items)
    {
        var driver = new DemoDriver();
        foreach (var item in items)
        {
            driver.Add(item);
        }

        return driver;
    }

    public DemoDriver Fork()
    {
        var fork = Resend([]);
        fork._items.AddRange(_items);
        fork._chunks.AddRange(_chunks);
        (fork._tokens, fork.State, fork.OfferedTools) = (_tokens, State, OfferedTools);
        return fork;
    }

    public void Add(string json)
    {
        using var document = JsonDocument.Parse(json);
        var type = DemoJson.TryMember(document.RootElement, "type", out var named) ? named.GetString()! : "message";
        var role = DemoJson.TryMember(document.RootElement, "role", out var spoken)
            ? Enum.Parse<ItemRole>(spoken.GetString()!, ignoreCase: true)
            : ItemRole.None;
        var item = new Item(Encoding.UTF8.GetBytes(json), type, type == "message" ? role : ItemRole.None);
        var rendered = _backend.Render(item, State);
        _items.Add(item);
        _chunks.Add(rendered.Bytes);
        _tokens += rendered.Tokens;
        _newTokens += rendered.Tokens;
        _new++;

        // So all that is tested of scripts holds in a process that the conversation moved to.
        State = MovedState.Of(_backend.States, item, State, rendered.State);
    }

    public void User(string text) =>
        Add(new JsonObject { ["role"] = "user", ["content"] = text }.ToJsonString());

    public void Output(JsonObject call) => Add(OutputOf(call));

    public static string OutputOf(JsonObject call) => new JsonObject
    {
        ["type"] = (string)call["type"]! + "_output", ["call_id"] = (string)call["call_id"]!, ["output"] = "done",
    }.ToJsonString();

    public ModelCall Call() => new()
    {
        Model = "demo",
        Parameters = new Parameters(OfferedTools is null ? [] :
            [Held("tools", OfferedTools), Held("tool_choice", ToolChoice)]),
        Context = new ContextView(null, [.. _chunks])
        {
            ItemCount = _items.Count, Bytes = _chunks.Sum(chunk => (long)chunk.Length), Tokens = _tokens, State = State,
        },
        NewItems = _new,
        TokensBefore = _tokens - _newTokens,
        Affinity = 1,
    };

    private static HeldValue Held(string field, string json) => new(0, field, Encoding.UTF8.GetBytes(json), default);

    /// <summary>Runs one call and takes nothing in.</summary>
    public async Task<List<ModelEvent>> StreamAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var events = new List<ModelEvent>();
        await foreach (var modelEvent in _backend.StreamAsync(Call(), patience.Token))
        {
            events.Add(modelEvent);
        }

        return events;
    }

    /// <summary>Runs one call and takes its finished items in.</summary>
    public async Task<Answer> AskAsync()
    {
        var events = await StreamAsync();
        var items = EventGrammar.Items(events, _items.Count);
        (_new, _newTokens) = (0, 0);
        foreach (var item in items)
        {
            Add(item.ToJsonString());
        }

        (_new, _newTokens) = (0, 0);
        return new Answer(events, items);
    }

    /// <summary>Runs one call and answers the calls it made.</summary>
    public async Task<Answer> TurnAsync()
    {
        var answer = await AskAsync();
        foreach (var call in answer.Calls)
        {
            Output(call);
        }

        return answer;
    }
}

/// <summary>Reads events as a server must be able to: whatever breaks the port's grammar fails the test.</summary>
internal static class EventGrammar
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private static readonly (OutputKind Kind, PartKind Part, string Type)[] Types =
    [
        (OutputKind.Message, PartKind.OutputText, "message"),
        (OutputKind.Reasoning, PartKind.SummaryText, "reasoning"),
        (OutputKind.FunctionCall, PartKind.Arguments, "function_call"),
        (OutputKind.CustomToolCall, PartKind.Input, "custom_tool_call"),
        (OutputKind.Compaction, PartKind.Opaque, "compaction"),
    ];

    public static void Check(List<ModelEvent> events)
    {
        var last = ModelEventKind.ItemDone;
        foreach (var e in events)
        {
            Assert.True(IsNext(last, e.Kind), $"{e.Kind} after {last}");
            last = e.Kind;
            if (e.Kind == ModelEventKind.Delta)
            {
                // The inside of a JSON string by itself: valid UTF-8 and no cut escape.
                JsonDocument.Parse('"' + Strict.GetString(e.Text.Span) + '"').Dispose();
            }
        }

        Assert.True(last >= ModelEventKind.Completed, "no terminal event");
    }

    /// <summary>The finished items, as a server would hold them.</summary>
    public static List<JsonObject> Items(List<ModelEvent> events, int itemsBefore)
    {
        Check(events);
        var items = new List<JsonObject>();
        var start = default(ModelEvent);
        var part = default(PartKind);
        var text = new StringBuilder();
        foreach (var e in events)
        {
            switch (e.Kind)
            {
                case ModelEventKind.ItemStarted:
                    (start, _) = (e, text.Clear());
                    break;
                case ModelEventKind.PartStarted:
                    part = e.Part;
                    break;
                case ModelEventKind.Delta:
                    text.Append(Strict.GetString(e.Text.Span));
                    break;
                case ModelEventKind.ItemDone:
                    items.Add(Build(start, part, text.ToString(), $"{itemsBefore}_{items.Count}"));
                    break;
            }
        }

        return items;
    }

    private static bool IsNext(ModelEventKind last, ModelEventKind next) => next switch
    {
        ModelEventKind.ItemStarted or ModelEventKind.Completed or ModelEventKind.Incomplete =>
            last == ModelEventKind.ItemDone,
        ModelEventKind.PartStarted => last == ModelEventKind.ItemStarted,
        ModelEventKind.Delta or ModelEventKind.PartDone =>
            last is ModelEventKind.PartStarted or ModelEventKind.Delta,
        ModelEventKind.ItemDone => last == ModelEventKind.PartDone,
        _ => last < ModelEventKind.Completed,
    };

    private static JsonObject Build(ModelEvent start, PartKind part, string text, string id)
    {
        var type = Assert.Single(Types, entry => entry.Kind == start.Item && entry.Part == part).Type;
        var content = $"\"{text}\"";
        var item = JsonNode.Parse($$"""{"type":"{{type}}","id":"{{type}}_{{id}}"}""")!.AsObject();
        switch (start.Item)
        {
            case OutputKind.Message:
                item["role"] = "assistant";
                item["content"] = JsonNode.Parse($$"""[{"type":"output_text","text":{{content}}}]""");
                break;
            case OutputKind.Reasoning:
                item["summary"] = JsonNode.Parse($$"""[{"type":"summary_text","text":{{content}}}]""");
                break;
            case OutputKind.Compaction:
                item["encrypted_content"] = JsonNode.Parse(content);
                break;
            default:
                item["name"] = start.Name;
                item["call_id"] = start.CallId;
                item["namespace"] = start.Namespace;
                item[part == PartKind.Input ? "input" : "arguments"] = JsonNode.Parse(content);
                break;
        }

        return item;
    }
}
