using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>
/// A call's events, read as the port's contract has them: whatever breaks its order fails the test.
/// </summary>
internal sealed class Transcript
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly StringBuilder _text = new();
    private ModelEvent? _item;
    private PartKind? _part;
    private string _parts = "";

    private Transcript(IEnumerable<ModelEvent> events)
    {
        foreach (var modelEvent in events)
        {
            Assert.True(End.Kind < ModelEventKind.Completed, $"{modelEvent.Kind} behind the last event");
            Read(modelEvent);
        }

        Assert.True(End.Kind >= ModelEventKind.Completed, "no last event");
    }

    /// <summary>
    /// Each item as its kind, what names it, and its parts: <c>FunctionCall look c1 Arguments={}</c>. One that stayed
    /// open, as a cut answer may leave it, looks like one that did not.
    /// </summary>
    public List<string> Items { get; } = [];

    /// <summary>The deltas of all items.</summary>
    public List<string> Deltas { get; } = [];

    public ModelEvent End { get; private set; }

    public static Transcript Of(IEnumerable<ModelEvent> events)
    {
        var transcript = new Transcript(events);
        if (transcript._item is not null)
        {
            Assert.NotEqual(ModelEventKind.Completed, transcript.End.Kind);
            transcript.EndPart();
            transcript.EndItem(default);
        }

        return transcript;
    }

    private void Read(in ModelEvent modelEvent)
    {
        switch (modelEvent.Kind)
        {
            case ModelEventKind.ItemStarted:
                Assert.Null(_item);
                (_item, _parts) = (modelEvent, "");
                break;
            case ModelEventKind.PartStarted:
                Assert.NotNull(_item);
                Assert.Null(_part);
                _part = modelEvent.Part;
                break;
            case ModelEventKind.Delta:
                Assert.NotNull(_part);
                var text = JsonSerializer.Deserialize<string>($"\"{Strict.GetString(modelEvent.Text.Span)}\"")!;
                _text.Append(text);
                Deltas.Add(text);
                break;
            case ModelEventKind.PartDone:
                Assert.NotNull(_part);
                EndPart();
                break;
            case ModelEventKind.ItemDone:
                Assert.NotNull(_item);
                Assert.Null(_part);
                EndItem(modelEvent.Json);
                break;
            case ModelEventKind.Raw:
                Assert.NotNull(_item);
                break;
            default:
                End = modelEvent;
                break;
        }
    }

    private void EndPart()
    {
        if (_part is { } part)
        {
            _parts += $" {part}={_text}";
            _text.Clear();
            _part = null;
        }
    }

    private void EndItem(ReadOnlyMemory<byte> json)
    {
        var item = _item!.Value;
        if (!json.IsEmpty && item.CallId is not null)
        {
            // What the server says of the whole call is what its beginning said.
            var whole = JsonNode.Parse(json.Span)!;
            Assert.Equal((item.Name, item.CallId), ((string)whole["name"]!, (string)whole["call_id"]!));
        }

        Items.Add($"{item.Item}{Word(item.Name)}{Word(item.CallId)}{_parts}");
        _item = null;
    }

    private static string Word(string? word) => word is null ? "" : $" {word}";
}
