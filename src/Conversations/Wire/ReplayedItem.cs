using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>A finished item read back into what its model events said. Texts are slices of the item's JSON.</summary>
internal sealed class ReplayedItem
{
    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    private readonly List<ReadOnlyMemory<byte>> _texts = [];
    private readonly List<ReadOnlyMemory<byte>> _summaries = [];
    private ReadOnlyMemory<byte> _opaque;
    private ReadOnlyMemory<byte> _rest;
    private bool _isAsync;
    private int _nextText;
    private int _nextSummary;

    /// <summary>The event that began it.</summary>
    public ModelEvent Started => new(ModelEventKind.ItemStarted)
    {
        Item = _fields.GetValueOrDefault("type") switch
        {
            "message" => OutputKind.Message,
            "reasoning" => OutputKind.Reasoning,
            "function_call" => OutputKind.FunctionCall,
            "custom_tool_call" => OutputKind.CustomToolCall,
            "compaction" => OutputKind.Compaction,
            _ => OutputKind.Other,
        },
        IdPrefix = _fields.GetValueOrDefault("id")?.Split('_')[0],
        Name = _fields.GetValueOrDefault("name"),
        Namespace = _fields.GetValueOrDefault("namespace"),
        CallId = _fields.GetValueOrDefault("call_id"),
        IsAsync = _isAsync,
    };

    public static ReplayedItem Parse(ReadOnlyMemory<byte> json)
    {
        var item = new ReplayedItem();
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            item.ReadMember(name, ref reader, json);
        }

        if (item.Started.Item == OutputKind.Compaction && !item._opaque.IsEmpty)
        {
            item._texts.Add(item._opaque);
        }

        return item;
    }

    /// <summary>Moves to the next text of a kind.</summary>
    public void Begin(PartKind kind) =>
        _rest = kind == PartKind.SummaryText ? _summaries[_nextSummary++] : _texts[_nextText++];

    /// <summary>Moves to the next text of a kind and says whether it is this one.</summary>
    public bool HasNext(PartKind kind, ReadOnlySpan<byte> text)
    {
        var (texts, next) = kind == PartKind.SummaryText ? (_summaries, _nextSummary) : (_texts, _nextText);
        if (next >= texts.Count)
        {
            return false;
        }

        Begin(kind);
        return _rest.Span.SequenceEqual(text);
    }

    /// <summary>The next bytes of the text.</summary>
    public ReadOnlyMemory<byte> Take(int length)
    {
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private static ReadOnlyMemory<byte> Inside(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json) =>
        json.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);

    private void ReadMember(string name, ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        switch (name)
        {
            case "id" or "type" or "name" or "namespace" or "call_id" when reader.TokenType == JsonTokenType.String:
                _fields[name] = reader.GetString()!;
                break;
            case "async":
                _isAsync = reader.TokenType == JsonTokenType.True;
                reader.Skip();
                break;
            case "arguments" or "input" when reader.TokenType == JsonTokenType.String:
                _texts.Add(Inside(ref reader, json));
                break;
            case "encrypted_content" when reader.TokenType == JsonTokenType.String:
                // A reasoning item may have one beside its texts: there it is none that was streamed.
                _opaque = json.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
                break;
            case "content" when reader.TokenType == JsonTokenType.StartArray:
                ReadParts(ref reader, json, _texts);
                break;
            case "summary" when reader.TokenType == JsonTokenType.StartArray:
                ReadParts(ref reader, json, _summaries);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private static void ReadParts(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json,
        List<ReadOnlyMemory<byte>> texts)
    {
        var depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            // What a part's own members hold, annotations for one, may have texts too.
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == depth + 2 &&
                (reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("refusal"u8)))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                {
                    texts.Add(Inside(ref reader, json));
                }
            }
        }
    }
}
