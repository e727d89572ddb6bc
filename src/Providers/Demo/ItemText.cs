using System.Globalization;
using System.Text.Json;

namespace Evergrain.Providers.Demo;

/// <summary>The lines that the demo model obeys, as they stand in a message or a compaction item.</summary>
internal static class ItemText
{
    public const string ScriptMark = "@@script";
    public const string Script64Mark = "@@script64";
    public const string ProgressMark = "@@progress";

    /// <summary>What Codex's own request for a summary says, and ours.</summary>
    public const string CompactionAsk = "CONTEXT CHECKPOINT COMPACTION";

    private static readonly char[] LineEnds = ['\n', '\r'];

    /// <summary>
    /// Whether an item may hold such a line: three fast searches, so that ordinary items are never parsed. Its
    /// characters may be escaped, and all of them are below U+0060.
    /// </summary>
    public static bool MayDirect(ReadOnlySpan<byte> json) =>
        json.IndexOf("@@"u8) >= 0 ||
        json.IndexOf("CONTEXT CHECKPOINT"u8) >= 0 ||
        json.IndexOf("\\u00"u8) >= 0;

    /// <summary>
    /// The lines of a message's text or a compaction's content, trimmed. A text with an unpaired surrogate has no
    /// lines; <paramref name="unreadable"/> says that there was one.
    /// </summary>
    public static List<string> Lines(ReadOnlyMemory<byte> json, out bool unreadable)
    {
        var lines = new List<string>();
        unreadable = false;
        using var document = JsonDocument.Parse(json);
        foreach (var element in Texts(document.RootElement))
        {
            var text = DemoJson.Text(element);
            unreadable |= text is null && element.ValueKind == JsonValueKind.String;
            // Not EnumerateLines: it also splits at U+2028 and its like, which JSON strings may hold.
            lines.AddRange((text ?? "").Split(LineEnds, StringSplitOptions.TrimEntries));
        }

        return lines;
    }

    /// <summary>Reads <c>@@progress N</c>, N up to nine digits.</summary>
    public static bool TryProgress(string line, out int steps)
    {
        steps = 0;
        return line.StartsWith(ProgressMark, StringComparison.Ordinal) &&
            line.Length <= ProgressMark.Length + " 999999999".Length &&
            int.TryParse(line.AsSpan(ProgressMark.Length).TrimStart(), NumberStyles.None,
                CultureInfo.InvariantCulture, out steps);
    }

    private static IEnumerable<JsonElement> Texts(JsonElement item)
    {
        if (DemoJson.TryMember(item, "encrypted_content", out var opaque))
        {
            yield return opaque;
        }

        if (!DemoJson.TryMember(item, "content", out var content))
        {
            yield break;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            yield return content;
            yield break;
        }

        foreach (var part in content.EnumerateArray())
        {
            if (DemoJson.TryMember(part, "text", out var text))
            {
                yield return text;
            }
        }
    }
}
