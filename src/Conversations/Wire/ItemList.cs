using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// Lists a branch's items as the wire wants them: every item with an id and a type, message content as parts.
/// An item whose client gave it no id is listed by its place: <c>&lt;prefix&gt;_&lt;C&gt;_at_&lt;position&gt;</c>.
/// </summary>
internal sealed class ItemList(ConversationId conversation, Branch branch)
{
    /// <summary>Reads the id of an output item.</summary>
    public static bool TryParseOutputId(string id, out ConversationId conversation, out TurnId turn, out int index)
    {
        (conversation, turn, index) = (default, default, 0);
        var parts = id.Split('_');
        return parts.Length == 4 &&
            ConversationId.TryParseCode(parts[1], out conversation) &&
            TurnId.TryParse(parts[2], out turn) &&
            int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out index);
    }

    public ReadOnlyMemory<byte> Write(ItemPage page)
    {
        var entries = branch.Backwards().Select((item, i) => (Item: item, Position: branch.Length - 1 - i));
        if (page.Ascending)
        {
            entries = entries.Reverse();
        }

        if (page.After is { } after)
        {
            entries = After(entries, after);
        }

        return Write(Choose(entries, page.Limit, out var hasMore), hasMore);
    }

    /// <summary>As many of them as one page may hold, by count and by bytes; at least one, if there is one.</summary>
    private static List<(Item Item, int Position)> Choose(
        IEnumerable<(Item Item, int Position)> entries, int limit, out bool hasMore)
    {
        var chosen = new List<(Item Item, int Position)>();
        var bytes = 0L;
        foreach (var entry in entries)
        {
            bytes += entry.Item.Json.Length;
            if (chosen.Count == limit || (chosen.Count > 0 && bytes > Limits.PageBytesMax))
            {
                hasMore = true;
                return chosen;
            }

            chosen.Add(entry);
        }

        hasMore = false;
        return chosen;
    }

    private IEnumerable<(Item Item, int Position)> After(IEnumerable<(Item Item, int Position)> entries, string after)
    {
        var rest = entries.SkipWhile(entry => IdOf(entry.Item, entry.Position) != after).ToList();
        return rest.Count > 0
            ? rest.Skip(1)
            : throw ConversationException.Of(RefusalKind.InvalidRequest, $"No item has the id '{after}'.", "after");
    }

    private byte[] Write(List<(Item Item, int Position)> entries, bool hasMore)
    {
        var buffer = new WireBuffer();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions
        {
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            writer.WriteStartObject();
            writer.WriteString("object"u8, "list"u8);
            writer.WriteStartArray("data"u8);
            foreach (var (item, position) in entries)
            {
                WriteItem(writer, item, position);
            }

            writer.WriteEndArray();
            WriteId(writer, "first_id", entries.FirstOrDefault());
            WriteId(writer, "last_id", entries.LastOrDefault());
            writer.WriteBoolean("has_more"u8, hasMore);
            writer.WriteEndObject();
        }

        return buffer.Take();
    }

    private void WriteId(Utf8JsonWriter writer, string name, (Item? Item, int Position) entry)
    {
        if (entry.Item is null)
        {
            writer.WriteNull(name);
        }
        else
        {
            writer.WriteString(name, IdOf(entry.Item, entry.Position));
        }
    }

    private void WriteItem(Utf8JsonWriter writer, Item item, int position)
    {
        using var document = JsonDocument.Parse(item.Json);
        var json = new WireBuffer();
        json.Raw("{\"id\":"u8).Quoted(IdOf(document.RootElement, item, position))
            .Raw(",\"type\":"u8).Quoted(item.Type);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            // Raw: a name or a text that is no Unicode (an unpaired surrogate) is listed as it came.
            var value = JsonMarshal.GetRawUtf8Value(member.Value);
            if (IsNamed(member, "id"u8) || IsNamed(member, "type"u8))
            {
                continue;
            }

            json.Raw(",\""u8).Raw(JsonMarshal.GetRawUtf8PropertyName(member)).Raw("\":"u8);
            _ = member.Value.ValueKind == JsonValueKind.String && IsNamed(member, "content"u8)
                ? WritePart(json, item.Role, value)
                : json.Raw(value);
        }

        writer.WriteRawValue(json.Raw("}"u8).Take(), skipInputValidation: true);
    }

    // The library's own comparison throws where a name is no Unicode.
    private static bool IsNamed(JsonProperty member, ReadOnlySpan<byte> name)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(member);
        return new JsonText(raw, raw.Contains((byte)'\\')).Is(name);
    }

    private static WireBuffer WritePart(WireBuffer json, ItemRole role, ReadOnlySpan<byte> text) =>
        json.Raw(role == ItemRole.Assistant ? "[{\"type\":\"output_text\",\"text\":"u8
                : "[{\"type\":\"input_text\",\"text\":"u8)
            .Raw(text).Raw(role == ItemRole.Assistant ? ",\"annotations\":[]}]"u8 : "}]"u8);

    private string IdOf(Item item, int position)
    {
        using var document = JsonDocument.Parse(item.Json);
        return IdOf(document.RootElement, item, position);
    }

    private string IdOf(JsonElement root, Item item, int position)
    {
        foreach (var member in root.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.String && IsNamed(member, "id"u8))
            {
                return member.Value.GetString()!;
            }
        }

        return string.Create(
            CultureInfo.InvariantCulture, $"{Prefix(item.Type)}_{conversation.Code}_at_{position}");
    }

    private static string Prefix(string type) => type switch
    {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        "reasoning" => "rs",
        "compaction" => "cmp",
        _ => "item",
    };
}
