using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>
/// What a server says beside an answer's items and wants back with them, which no client sees. It goes with the item
/// that ends next.
/// </summary>
/// <remarks>
/// Sources: <c>reasoning_details</c> of OpenRouter, <c>reasoning_opaque</c> of GitHub Copilot,
/// <c>extra_content</c> with a thought signature of Gemini.
/// </remarks>
internal sealed class ServerMembers
{
    /// <summary>The most that one item keeps; the longest signatures in use have some ten kilobytes.</summary>
    public const int BytesMax = 256 << 10;

    private readonly List<(string Name, byte[] Json)> _members = [];
    private ReasoningDetails? _details;

    /// <summary>Reads a delta's member if it is one of these; else the reader stays on its name.</summary>
    public bool TryRead(ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        if (JsonContent.NameIs(ref reader, "reasoning_details"u8))
        {
            (_details ??= new ReasoningDetails()).Read(ChunkJson.Pass(ref reader, data));
        }
        else if (JsonContent.NameIs(ref reader, "reasoning_opaque"u8))
        {
            Keep("reasoning_opaque", ref reader, data, default);
        }
        else if (JsonContent.NameIs(ref reader, "extra_content"u8))
        {
            // It also says that a text is a thought, which must not go back.
            Keep("extra_content", ref reader, data, "thought_signature"u8);
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>A JSON object of all that is there, which is gone then; empty for none, or too much.</summary>
    /// <param name="own">Members of the item itself, as an object; empty for none.</param>
    public ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> own)
    {
        if (_members.Count == 0 && _details is null)
        {
            return own;
        }

        var output = new BodyWriter().Raw(own.IsEmpty ? "{"u8 : own.Span[..^1]);
        var isFirst = own.IsEmpty;
        foreach (var (name, json) in _members.Where(member => !Has(own, member.Name)))
        {
            output.Raw(isFirst ? default : ","u8).Quoted(name).Raw(":"u8).Raw(json);
            isFirst = false;
        }

        if (_details is { IsEmpty: false })
        {
            output.Raw(isFirst ? default : ","u8).Raw("\"reasoning_details\":"u8);
            _details.WriteTo(output);
            isFirst = false;
        }

        _members.Clear();
        _details = null;
        var taken = output.Raw("}"u8).ToArray();
        return isFirst || taken.Length > BytesMax ? own : taken;
    }

    private static bool Has(ReadOnlyMemory<byte> own, string name) =>
        JsonMembers.Of(own).All.Any(member => JsonContent.Decode(member.Name.Span) == name);

    private void Keep(string name, ref Utf8JsonReader reader, ReadOnlySpan<byte> data, ReadOnlySpan<byte> sign)
    {
        var json = ChunkJson.Pass(ref reader, data);
        if (json.Length is > 0 and <= BytesMax && json.IndexOf(sign) >= 0)
        {
            _members.RemoveAll(member => member.Name == name);
            _members.Add((name, json.ToArray()));
        }
    }
}
