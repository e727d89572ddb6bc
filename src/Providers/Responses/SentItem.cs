using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Providers.Chat;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Responses;

/// <summary>
/// An item as it may go to a server: as it came, but for what servers refuse. Nothing is copied where nothing is to
/// change.
/// </summary>
internal static class SentItem
{
    /// <summary>The item; empty where the server is better not given it.</summary>
    /// <param name="item">The item.</param>
    /// <param name="isForeign">Whether another server made it.</param>
    public static ReadOnlyMemory<byte> Of(Item item, bool isForeign)
    {
        var json = PairedEscapes.Of(item.Json);
        switch (item.Type)
        {
            case "reasoning" when isForeign:
                return Without(json, static (in SentMember member) =>
                    member.Is("encrypted_content"u8) || IsAnswersOnly(member)) is
                    var thoughts && HasText(thoughts) ? thoughts : default;
            case "compaction":
                var content = JsonContent.Inside(JsonMembers.Of(json)["encrypted_content"u8]);
                return !Summaries.IsSealed(content.Span) ? Told(content) : isForeign ? default : json;
            case "message":
                return Typed(Without(json, IsAnswersOnly));
            default:
                return Without(json, IsAnswersOnly);
        }
    }

    // Source: what clients were seen to send back, and servers to refuse: SDKs add parsed_arguments, servers created_by
    // and null members.
    private static bool IsAnswersOnly(in SentMember member) =>
        member.Is("created_by"u8) || member.Is("parsed_arguments"u8) ||
        (member.IsNull && (member.Is("status"u8) || member.Is("encrypted_content"u8) || member.Is("namespace"u8)));

    /// <summary>A summary that a chat-completions server wrote, which is plain text.</summary>
    private static byte[] Told(ReadOnlyMemory<byte> content) => new BodyWriter(content.Length + 160)
        .Raw("{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\""u8)
        .Raw(Summaries.LeadIn).Raw("\\n"u8).Raw(content).Raw("\"}]}"u8).ToArray();

    // Source: llama.cpp refuses an assistant message without its type.
    private static ReadOnlyMemory<byte> Typed(ReadOnlyMemory<byte> json)
    {
        var members = JsonMembers.Of(json);
        return members["type"u8].IsEmpty && !members["role"u8].IsEmpty
            ? new BodyWriter(json.Length + 20).Raw("{\"type\":\"message\","u8).Raw(json.Span[1..]).ToArray()
            : json;
    }

    private static bool HasText(ReadOnlyMemory<byte> json)
    {
        var members = JsonMembers.Of(json);
        return JsonMembers.Elements(members["content"u8]).Count > 0 ||
            JsonMembers.Elements(members["summary"u8]).Count > 0;
    }

    private static ReadOnlyMemory<byte> Without(ReadOnlyMemory<byte> json, SentMemberTest isDropped)
    {
        var reader = new Utf8JsonReader(json.Span, ItemId.Options);
        reader.Read();
        List<byte>? left = null;
        var (kept, isFirst) = ((int)reader.BytesConsumed, true);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = new SentMember(ref reader);
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isDropped(member))
            {
                left ??= [.. json.Span[..(isFirst ? kept : start)].TrimEnd(" \t\r\n,"u8)];
            }
            else if (left is not null)
            {
                left.AddRange(left is [.., (byte)'{'] ? default : ","u8);
                left.AddRange(json.Span[start..(int)reader.BytesConsumed]);
            }

            isFirst = false;
        }

        left?.AddRange("}"u8);
        return left?.ToArray() ?? json;
    }

    private delegate bool SentMemberTest(in SentMember member);
}

/// <summary>A member of an item: its name, and whether its value is null.</summary>
internal readonly ref struct SentMember
{
    private readonly Utf8JsonReader _name;

    /// <summary>Reads the member whose name a reader stands on, up to the beginning of its value.</summary>
    public SentMember(ref Utf8JsonReader reader)
    {
        _name = reader;
        var value = reader;
        value.Read();
        IsNull = value.TokenType == JsonTokenType.Null;
    }

    public bool IsNull { get; }

    public bool Is(ReadOnlySpan<byte> name)
    {
        var reader = _name;
        return ItemId.IsNamed(ref reader, name);
    }
}
